// The words of a line, as Go's strings.Fields finds them. The engine has no regular expressions.

/** The parts of a text between blanks; no part is empty. */
export function fields(text: string): string[] {
  const found: string[] = [];
  let field = "";
  for (const char of text) {
    if (char.trim() !== "") field += char;
    else if (field !== "") {
      found.push(field);
      field = "";
    }
  }
  return field === "" ? found : [...found, field];
}

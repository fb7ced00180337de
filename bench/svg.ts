// Charts as SVG text without a dependency. Colours follow the reader's light or dark scheme, also where the file is an
// image in a page.

export interface Named {
  readonly name: string;
}

export interface BarSeries extends Named {
  /** One of each category; undefined leaves a gap. */
  readonly values: readonly (number | undefined)[];
}

export interface LineSeries extends Named {
  readonly points: readonly (readonly [x: number, y: number])[];
}

interface Axis {
  readonly title: string;
  readonly format: (value: number) => string;
}

const WIDTH = 760;
const HEIGHT = 380;
const FRAME = { left: 64, right: 16, top: 48, bottom: 52 } as const;

/** Of the first series, the second, …; no CSS variables, which not every viewer knows. */
const LIGHT = ["#8c959f", "#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989"];
const DARK = ["#8b949e", "#58a6ff", "#ffa657", "#3fb950", "#bc8cff", "#f778ba"];

function colours(list: readonly string[]): string {
  return list
    .map((colour, at) => `.fill.s${at} { fill: ${colour} } .line.s${at} { stroke: ${colour} }`)
    .join("\n  ");
}

const STYLE = `
  svg { color: #1f2328; font: 12px system-ui, sans-serif }
  text { fill: currentColor } .title { font-size: 15px; font-weight: 600 } .small { font-size: 10.5px }
  .grid { stroke: currentColor; stroke-opacity: .15 } .axis { stroke: currentColor; stroke-opacity: .6 }
  .line { fill: none; stroke-width: 2 }
  ${colours(LIGHT)}
  @media (prefers-color-scheme: dark) {
  svg { color: #e6edf3 }
  ${colours(DARK)}
  }`;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function round(value: number): string {
  return `${Math.round(value * 10) / 10}`;
}

function text(x: number, y: number, words: string, attributes = ""): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(words)}</text>`;
}

function document(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}\n</style>`,
    text(FRAME.left, 20, title, 'class="title"'),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function legend(names: readonly string[]): string[] {
  let x = FRAME.left;
  return names.map((name, at) => {
    const part = `<rect class="fill s${at}" x="${x}" y="30" width="10" height="10"/>${text(x + 14, 39, name)}`;
    x += 28 + name.length * 7;
    return part;
  });
}

/** A scale of powers of ten around the values, and where its grid lines are. */
function logarithmic(values: readonly number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const at = (value: number) => from + ((Math.log10(value) - low) / (high - low)) * (to - from);
  const ticks = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step));
  return { at, ticks, bottom: 10 ** low };
}

function linear(values: readonly number[], from: number, to: number) {
  const high = Math.max(...values);
  const at = (value: number) => from + (value / high) * (to - from);
  return { at, ticks: Array.from({ length: 6 }, (_, step) => Math.round((high / 5) * step)) };
}

function horizontalGrid(scale: ReturnType<typeof logarithmic>, axis: Axis): string[] {
  const lines = scale.ticks.map((tick) => {
    const y = scale.at(tick);
    return `<path class="grid" d="M${FRAME.left} ${round(y)}H${WIDTH - FRAME.right}"/>${text(FRAME.left - 6, y + 4, axis.format(tick), 'text-anchor="end"')}`;
  });
  const middle = HEIGHT / 2;
  return [
    ...lines,
    text(14, middle, axis.title, `text-anchor="middle" transform="rotate(-90 14 ${middle})"`),
  ];
}

/** Bars in groups, on a logarithmic axis. */
export function bars(
  title: string,
  categories: readonly string[],
  all: readonly BarSeries[],
  axis: Axis,
): string {
  const values = all.flatMap((series) => series.values.filter((value) => value !== undefined));
  const scale = logarithmic(values, HEIGHT - FRAME.bottom, FRAME.top + 8);
  const room = (WIDTH - FRAME.left - FRAME.right) / categories.length;
  const width = Math.min(34, (room * 0.86) / all.length);
  const parts = [...legend(all.map(({ name }) => name)), ...horizontalGrid(scale, axis)];
  categories.forEach((category, group) => {
    const middle = FRAME.left + room * (group + 0.5);
    category.split("\n").forEach((line, at) => {
      parts.push(text(middle, HEIGHT - FRAME.bottom + 18 + at * 14, line, 'text-anchor="middle"'));
    });
    all.forEach((series, at) => {
      const value = series.values[group];
      if (value === undefined) return;
      const x = middle + (at - all.length / 2) * width;
      const y = scale.at(value);
      const height = scale.at(scale.bottom) - y;
      parts.push(
        `<rect class="fill s${at}" x="${round(x)}" y="${round(y)}" width="${round(width - 2)}" height="${round(height)}"/>`,
        text(x + width / 2 - 1, y - 3, axis.format(value), 'text-anchor="middle" class="small"'),
      );
    });
  });
  parts.push(`<path class="axis" d="M${FRAME.left} ${HEIGHT - FRAME.bottom}H${WIDTH - FRAME.right}"/>`);
  return document(title, HEIGHT, parts);
}

/** Lines, the vertical axis logarithmic, the horizontal one too where `logX` says so. */
export function lines(
  title: string,
  all: readonly LineSeries[],
  x: Axis & { readonly log: boolean },
  y: Axis,
): string {
  const points = all.flatMap((series) => series.points);
  const across = (x.log ? logarithmic : linear)(
    points.map(([at]) => at),
    FRAME.left,
    WIDTH - FRAME.right - 20,
  );
  const up = logarithmic(
    points.map(([, at]) => at),
    HEIGHT - FRAME.bottom,
    FRAME.top + 8,
  );
  const parts = [...legend(all.map(({ name }) => name)), ...horizontalGrid(up, y)];
  for (const tick of across.ticks) {
    parts.push(text(across.at(tick), HEIGHT - FRAME.bottom + 18, x.format(tick), 'text-anchor="middle"'));
  }
  parts.push(text(WIDTH / 2, HEIGHT - 14, x.title, 'text-anchor="middle"'));
  all.forEach((series, at) => {
    const path = series.points.map(([px, py]) => `${round(across.at(px))} ${round(up.at(py))}`).join("L");
    parts.push(`<path class="line s${at}" d="M${path}"/>`);
  });
  parts.push(`<path class="axis" d="M${FRAME.left} ${HEIGHT - FRAME.bottom}H${WIDTH - FRAME.right}"/>`);
  return document(title, HEIGHT, parts);
}

export interface LaneSpan {
  readonly lane: string;
  readonly begin: number;
  readonly end: number;
  readonly call: string;
}

/** What happened when, a lane for each kind of work with its sum; times in microseconds. */
export function lanes(title: string, names: readonly string[], spans: readonly LaneSpan[]): string {
  const left = 150;
  const right = 90;
  const row = 34;
  const end = Math.max(...spans.map((span) => span.end));
  const bottom = FRAME.top + names.length * row;
  const at = (value: number) => left + (value / end) * (WIDTH - left - right);
  const parts: string[] = [];
  const step = 10 ** Math.floor(Math.log10(end)) / (end / 10 ** Math.floor(Math.log10(end)) < 3 ? 4 : 1);
  for (let tick = 0; tick <= end; tick += step) {
    parts.push(
      `<path class="grid" d="M${round(at(tick))} ${FRAME.top}V${bottom}"/>`,
      text(
        at(tick),
        bottom + 18,
        `${round(tick / 100) === "0" ? 0 : tick / 1000} ms`,
        'text-anchor="middle"',
      ),
    );
  }
  names.forEach((name, lane) => {
    const own = spans.filter((span) => span.lane === name);
    const y = FRAME.top + lane * row + 6;
    const sum = own.reduce((total, span) => total + span.end - span.begin, 0);
    parts.push(text(left - 10, y + 15, name, 'text-anchor="end"'));
    parts.push(text(WIDTH - right + 10, y + 15, `${(sum / 1000).toFixed(2)} ms`));
    for (const span of own) {
      const width = Math.max(0.5, at(span.end) - at(span.begin));
      const tip = span.call === "" ? "" : `<title>${escaped(span.call)}</title>`;
      parts.push(
        `<rect class="fill s${lane}" x="${round(at(span.begin))}" y="${y}" width="${round(width)}" height="${row - 12}">${tip}</rect>`,
      );
    }
  });
  return document(title, bottom + 34, parts);
}

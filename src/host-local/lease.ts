// What a lease file says. One file per address, named by it; the bytes are the reference's (disk/backend.go): the
// container id, CR LF, the interface, and no newline at the end. Older versions wrote the id alone. Pure.

/** Who holds an address. `ifname` is "" in the old form, which stands for any interface of the container. */
export interface Owner {
  readonly containerId: string;
  readonly ifname: string;
}

const separator = "\r\n";

/** The exact content of a lease. */
export function formatLease({ containerId, ifname }: Owner): string {
  return `${containerId}${separator}${ifname}`;
}

/** Whose lease a content is; undefined when it is blank. Blanks around it do not count, as in the reference. */
export function parseLease(text: string): Owner | undefined {
  if (isBlank(text)) return undefined;
  const trimmed = text.trim();
  const at = trimmed.indexOf(separator);
  if (at < 0) return { containerId: trimmed, ifname: "" };
  return { containerId: trimmed.slice(0, at), ifname: trimmed.slice(at + separator.length) };
}

/**
 * Whether a content is nobody's: what a power cut leaves of a file that was being written (nothing, or NUL bytes).
 * Under the lock it is never a lease half written: the reference holds the lock while it writes, and we link finished
 * files into place.
 */
function isBlank(text: string): boolean {
  return text.replaceAll("\0", "").trim() === "";
}

/** Whether a content is the beginning of an owner's lease, cut off. */
export function isTorn(text: string, owner: Owner): boolean {
  const whole = formatLease(owner);
  return text.length < whole.length && whole.startsWith(text);
}

/** `c1/eth0`: an owner for people, and the key of an attachment. */
export function formatOwner({ containerId, ifname }: Owner): string {
  return `${containerId}/${ifname}`;
}

/** Whether a lease's owner is this attachment; the old form only where `old` is set. */
export function sameOwner(one: Owner, other: Owner): boolean {
  return one.containerId === other.containerId && one.ifname === other.ifname;
}

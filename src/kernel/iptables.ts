// Runs iptables and ip6tables (iptables(8)), and only where the configuration asks for them or rules that only they can
// remove are there. Owns finding the program, waiting with a bound, and what its answers mean; knows no rule of ours.

import { CniError, Code, HostError } from "../errors.ts";
import { AT_FDCWD, type Ended, type Host, ok } from "../host.ts";
import { S_IFMT, S_IFREG } from "../open-flags.ts";

/** How long the old flavour waits for another that holds /run/xtables.lock; the new one has no lock. */
const LOCK_WAIT_S = 10;
/** After that a program is killed, in milliseconds. */
const DEADLINE_MS = 15_000;

/** `--wait` came with 1.4.20 and its seconds with 1.6.0; an older program refuses the words, having done nothing. */
const waitWords: readonly (readonly string[])[] = [["--wait", `${LOCK_WAIT_S}`], ["--wait"], []];
const unknownWords = ["Bad argument", "unknown option", "unrecognized option"];

/** What it says where the rule or chain, or the chain that a rule leads to, is not there; exit statuses vary. */
const absentWords = [
  "Bad rule (does a matching rule exist in that chain?)",
  "No chain/target/match by that name",
  "No such file or directory",
  "does not exist",
];
/** The second of them where another program was faster by so little that the first one did not see its chain. */
const existsWords = ["Chain already exists", "CHAIN_USER_ADD failed (File exists)"];
const lockWords = "xtables lock";

// enum xtables_exittype (xtables.h).
const OTHER_PROBLEM = 1;
const PARAMETER_PROBLEM = 2;
/** The kernel has no such table; the text, alas, says "does not exist" too. */
const VERSION_PROBLEM = 3;

const EXECUTABLE = 0o111;

export class Iptables {
  readonly #host: Host;
  readonly #path: string;
  #waitWords = 0;

  private constructor(host: Host, path: string) {
    this.#host = host;
    this.#path = path;
  }

  /** The first program of these names in PATH, or undefined. */
  static find(host: Host, ...names: readonly string[]): Iptables | undefined {
    const directories = (host.getenv("PATH") ?? "").split(":").filter((each) => each.startsWith("/"));
    for (const name of names) {
      for (const directory of directories) {
        const path = `${directory}/${name}`;
        const stat = host.fstatat(AT_FDCWD, path, 0);
        if (typeof stat === "number" || (stat.mode & S_IFMT) !== S_IFREG) continue;
        if ((stat.mode & EXECUTABLE) !== 0) return new Iptables(host, path);
      }
    }
    return undefined;
  }

  /** Runs one command on table nat; false where what it is about is not there, or for -N is there. */
  run(...words: readonly string[]): boolean {
    const ended = this.#end(words);
    if (ended.status === 0) return true;
    const said = this.#said(ended);
    const expected = words[0] === "-N" ? existsWords : absentWords;
    if (ended.status !== VERSION_PROBLEM && expected.some((text) => said.includes(text))) return false;
    throw this.#failure(words, ended);
  }

  /** The lines of `-S`, or undefined where there is no such chain. */
  list(chain: string): string[] | undefined {
    const words = ["-S", chain];
    const ended = this.#end(words);
    if (ended.status === 0) return this.#host.decode(ended.stdout).split("\n");
    // Each flavour says it in its own words.
    if (ended.status === OTHER_PROBLEM) return undefined;
    throw this.#failure(words, ended);
  }

  #end(words: readonly string[]): Ended {
    for (;;) {
      const argv = [this.#path, "-t", "nat", ...words, ...waitWords[this.#waitWords]!];
      const ended = this.#spawn(argv);
      const older = ended.status === PARAMETER_PROBLEM && this.#waitWords + 1 < waitWords.length;
      if (!older || !unknownWords.some((text) => this.#said(ended).includes(text))) return ended;
      this.#waitWords++;
    }
  }

  #spawn(argv: string[]): Ended {
    try {
      return ok(
        this.#host.spawn(this.#path, argv, [], new Uint8Array(), DEADLINE_MS),
        "execute",
        this.#path,
      ) as Ended;
    } catch (error) {
      if (error instanceof HostError) throw new CniError(Code.delegationFailed, error.message);
      throw error;
    }
  }

  #said({ stderr }: Ended): string {
    return this.#host.decode(stderr).trim();
  }

  #failure(words: readonly string[], ended: Ended): CniError {
    const call = `${this.#path} -t nat ${words.join(" ")}`;
    if (ended.timedOut) {
      const text = `${call} did not finish in ${DEADLINE_MS / 1000} s and was killed`;
      return new CniError(Code.tryAgainLater, text);
    }
    const said = this.#said(ended);
    const code = said.includes(lockWords) ? Code.tryAgainLater : Code.kernelRefused;
    const how = ended.signal === 0 ? `exit status ${ended.status}` : `signal ${ended.signal}`;
    return new CniError(code, `${call}: ${how}: ${said}`);
  }
}

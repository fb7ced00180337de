// The program's own version, as `bridge` without CNI_COMMAND and `cni-bridge --version` print it.
// package.json says the same; test/version.test.ts compares.

export const version = "0.1.0";

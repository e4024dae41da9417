import { existsSync } from "node:fs";

export type CommandLine = {
  readonly command: string;
  readonly args: readonly string[];
  /** Who runs it where we are root; by default root. */
  readonly user?: string | undefined;
};

/**
 * The command line that runs as its user, whatever folders above ours that user may not enter, such as root's home.
 * Without the secure bit the kernel would take that right away again when a program asks by access(2).
 */
export function asUser({ command, args, user }: CommandLine): CommandLine {
  if (user === undefined || process.getuid?.() !== 0) return { command, args };
  const identity = [`--reuid=${user}`, `--regid=${user}`, "--init-groups"];
  const mayEnter = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
  const options = ["--securebits=+no_setuid_fixup", ...identity, ...mayEnter];
  return { command: "setpriv", args: [...options, "--", command, ...args] };
}

/** The command line whose process gets the signal when ours dies, where the machine (Linux) can do that. */
export function tiedToUs({ command, args }: CommandLine, signal: NodeJS.Signals): CommandLine {
  if (!existsSync("/usr/bin/setpriv")) return { command, args };
  const tie = `--pdeathsig=${signal.slice(3)}`;
  return { command: "setpriv", args: command === "setpriv" ? [tie, ...args] : [tie, "--", command, ...args] };
}

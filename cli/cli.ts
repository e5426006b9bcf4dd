/** What every command is built with. */
export interface Cli {
  terminal: Terminal
  /** Sets the exit code; `ok` if never called. */
  end(code: ExitCode): void
}

/** Exit codes of a command; the last two are those of sysexits.h. */
export const exitCodes = {
  ok: 0,
  /** The answer is no: differences, not found, refused, or something failed. */
  failed: 1,
  /** The command line is invalid. */
  usage: 64,
  /** A setting is missing or wrong. */
  settings: 78,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The outside world of a command: settings, and where to write. Only `main.ts` creates a real one. */
export interface Terminal {
  env: Record<string, string | undefined>
  /** Whether someone is watching: progress is then shown and overwritten in place. */
  interactive: boolean
  /** Prints a line of the command's answer to stdout. */
  print(line: string): void
  /** Prints a line that is not part of the answer to stderr. */
  complain(line: string): void
  /** Replaces the progress line on stderr, or clears it when empty. Does nothing unless `interactive`. */
  progress(line: string): void
}

/** The settings do not allow the command; the message can be printed as it is. Ends the command with exit code 78. */
export class BadSettings extends Error {
  override name = 'BadSettings'
}

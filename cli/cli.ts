/** What every command is built with. */
export interface Cli {
  terminal: Terminal
  /** Says how the command ends; ok unless told. */
  end(code: ExitCode): void
}

/** How a command ends; the last two are those of sysexits.h. */
export const exitCodes = {
  ok: 0,
  /** The answer is no: differences, not found, refused, or something failed. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 64,
  /** A setting is missing or wrong. */
  settings: 78,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** What a command is given of the world: settings and where to write. Only `main.ts` makes a real one. */
export interface Terminal {
  env: Record<string, string | undefined>
  /** Someone watches: progress is shown and overwritten in place. */
  interactive: boolean
  /** A line of the command's answer, on stdout. */
  print(line: string): void
  /** A line that is no part of the answer, on stderr. */
  complain(line: string): void
  /** Replaces the progress line on stderr, or clears it when empty. Nothing where nobody watches. */
  progress(line: string): void
}

/** The settings do not allow the command; the message is fit for printing. Ends the command with exit code 78. */
export class BadSettings extends Error {
  override name = 'BadSettings'
}

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

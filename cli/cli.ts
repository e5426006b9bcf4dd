import type { ExitCode } from './exitCodes.ts'
import type { Terminal } from './terminal.ts'

/** What every command is built with. */
export interface Cli {
  terminal: Terminal
  /** Says how the command ends; ok unless told. */
  end(code: ExitCode): void
}

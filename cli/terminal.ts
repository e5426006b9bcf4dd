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

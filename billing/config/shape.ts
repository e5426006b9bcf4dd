/**
 * The outcome of reading one setting's text. `why` says more than "it is not that" where that helps; `salvaged` is the
 * usable part of a faulty list, so that what hangs on it is still checked in the same run.
 */
export type Parsed<T> = { ok: true; value: T } | { ok: false; why: string | null; salvaged?: T }

/** What a setting's text may be: in words for the operator, and as a parser of trimmed, non-empty text. Pure. */
export interface Shape<T> {
  mayBe: string
  parse(text: string): Parsed<T>
}

/** One row of the settings table. `<chainId>` in `variable` stands for each chain named by `RAILS`. */
export interface Setting<T> {
  variable: string
  /** Text that an unset variable counts as; null where there is none. */
  defaultText: string | null
  /** Defaults that differ by chain; they take precedence over `defaultText`. */
  defaultTextByChain: Readonly<Record<number, string>>
  /** The default in words for documents, where the text alone does not say it. */
  defaultInWords: string | null
  /** What an unset variable without a default means; null: leaving it unset is a fault. */
  absent: { value: T } | null
  /** Its value is never printed. */
  secret: boolean
  /** One line for `.env.example` and the README. */
  doc: string
  shape: Shape<T>
}

interface Options {
  secret?: boolean
  defaultInWords?: string
  defaultTextByChain?: Readonly<Record<number, string>>
}

const row = <T>(
  variable: string,
  shape: Shape<T>,
  doc: string,
  rest: Pick<Setting<T>, 'defaultText' | 'absent'>,
  options: Options,
): Setting<T> => ({
  variable,
  shape,
  doc,
  ...rest,
  defaultTextByChain: options.defaultTextByChain ?? {},
  defaultInWords: options.defaultInWords ?? null,
  secret: options.secret ?? false,
})

/** The constructors of the settings table's rows, by what an unset variable means. */
export const setting = {
  /** Unset is a fault. */
  required: <T>(variable: string, shape: Shape<T>, doc: string, options: Options = {}): Setting<T> =>
    row(variable, shape, doc, { defaultText: null, absent: null }, options),

  /** Unset counts as `defaultText`, which is parsed like any other text. */
  withDefault: <T>(
    variable: string,
    defaultText: string,
    shape: Shape<T>,
    doc: string,
    options: Options = {},
  ): Setting<T> => row(variable, shape, doc, { defaultText, absent: null }, options),

  /** Unset is null. */
  optional: <T>(variable: string, shape: Shape<T>, doc: string, options: Options = {}): Setting<T | null> =>
    row<T | null>(variable, shape, doc, { defaultText: null, absent: { value: null } }, options),
}

/**
 * The outcome of reading one setting's text. `why` says more than `mayBe` does, where that helps; `salvaged` is the usable
 * part of a faulty list, so that the settings that depend on it are still checked in the same run.
 */
export type Parsed<T> = { ok: true; value: T } | { ok: false; why: string | null; salvaged?: T }

/** What a setting's text may be: in words for the operator, and as a parser of trimmed, non-empty text. Pure. */
export interface Shape<T> {
  mayBe: string
  parse(text: string): Parsed<T>
}

/** Why the service cannot start with a setting. Fit for printing: a secret's value is never in it. */
export interface SettingFault {
  variable: string
  /** What it was, in words: quoted, `not set`, or that it is secret. */
  was: string
  /** What is wrong with it; null where `mayBe` says it all. */
  why: string | null
  mayBe: string
}

/** `value` is undefined where no part of the setting is usable; `faults` says whether and why it is refused. */
export interface SettingReading<T> {
  value: T | undefined
  faults: SettingFault[]
}

/**
 * Reads one row of the table from the environment: trims the text, treats an empty one as unset, fills in the default.
 * `chainId` replaces `<chainId>` in the variable's name.
 */
export function readSetting<T>(
  row: Setting<T>,
  env: Record<string, string | undefined>,
  chainId?: number,
): SettingReading<T> {
  const variable = variableOf(row, chainId)
  const given = (env[variable] ?? '').trim()
  const defaultText = (chainId === undefined ? undefined : row.defaultTextByChain[chainId]) ?? row.defaultText
  const text = given === '' ? defaultText : given
  if (text === null) {
    if (row.absent !== null) return { value: row.absent.value, faults: [] }
    return { value: undefined, faults: [{ variable, was: 'not set', why: null, mayBe: row.shape.mayBe }] }
  }
  const parsed = row.shape.parse(text)
  if (parsed.ok) return { value: parsed.value, faults: [] }
  const fault = { variable, was: describeGiven(row, text), why: parsed.why, mayBe: row.shape.mayBe }
  return { value: parsed.salvaged, faults: [fault] }
}

/** The name of a row's environment variable. */
export function variableOf(row: { variable: string }, chainId?: number): string {
  return chainId === undefined ? row.variable : row.variable.replace('<chainId>', String(chainId))
}

/** A setting's given text, fit for printing: quoted and shortened, or only that it is secret. */
export function describeGiven(row: { secret: boolean }, text: string): string {
  if (row.secret) return 'set (secret, not shown)'
  // A URL pasted into the wrong variable may carry a password.
  const shown = text.replace(/\/\/[^/@]*@/g, '//…@')
  return JSON.stringify(shown.length > 120 ? `${shown.slice(0, 120)}…` : shown)
}

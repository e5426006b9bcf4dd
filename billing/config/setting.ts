import type { Shape } from './shape.ts'

/** One row of the settings table. `<chainId>` in `variable` stands for each chain named by `RAILS`. */
export interface Setting<T> {
  variable: string
  /** Text that an unset variable counts as; null where there is none. */
  defaultText: string | null
  /** Defaults that differ by chain; they go before `defaultText`. */
  defaultTextByChain: Readonly<Record<number, string>>
  /** The default in words for documents, where the text alone does not say it. */
  defaultInWords: string | null
  /** What an unset variable without a default means; null: that is a fault. */
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

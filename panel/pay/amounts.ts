/** What the text of an amount field parses to: base units, or why it is not an amount. */
export type ParsedAmount = { kind: 'amount'; baseUnits: bigint } | { kind: 'fault'; fault: AmountFault }

/** Why a text is not an amount; each has its sentence in `text/payment.ts`. */
export type AmountFault =
  | 'empty'
  | 'not_a_number'
  | 'ambiguous_comma'
  | 'too_many_decimals'
  | 'zero'
  | 'too_large'

const DECIMAL = /^(\d{1,78})(?:[.,](\d{1,78}))?$|^[.,](\d{1,78})$/

/** The most that any token can hold. */
const MAX_BASE_UNITS = 2n ** 256n - 1n

/**
 * Reads what somebody typed as an amount, exactly: more decimals than the asset has are refused, never rounded, unless
 * they are zeros. A comma is read as the decimal separator, as half of the world writes it, but `1,000` is refused: some
 * readers take it for a thousand, others for one, and the difference is money.
 *
 * @example parseAmount('0.0005', 18) // { kind: 'amount', baseUnits: 500_000_000_000_000n }
 */
export function parseAmount(text: string, decimals: number): ParsedAmount {
  const trimmed = text.trim()
  if (trimmed === '') return { kind: 'fault', fault: 'empty' }
  const match = DECIMAL.exec(trimmed)
  if (match === null) return { kind: 'fault', fault: 'not_a_number' }
  if (/^[1-9]\d{0,2},\d{3}$/.test(trimmed)) return { kind: 'fault', fault: 'ambiguous_comma' }
  const whole = match[1] ?? '0'
  const fraction = (match[2] ?? match[3] ?? '').replace(/0+$/, '')
  if (fraction.length > decimals) return { kind: 'fault', fault: 'too_many_decimals' }
  const baseUnits = BigInt(whole + fraction.padEnd(decimals, '0'))
  if (baseUnits === 0n) return { kind: 'fault', fault: 'zero' }
  if (baseUnits > MAX_BASE_UNITS) return { kind: 'fault', fault: 'too_large' }
  return { kind: 'amount', baseUnits }
}

/**
 * Formats base units as a decimal string, exactly and without superfluous zeros; `parseAmount` reads it back unchanged.
 *
 * @example formatAmount(500_000_000_000_000n, 18) // '0.0005'
 */
export function formatAmount(baseUnits: bigint, decimals: number): string {
  const digits = (baseUnits < 0n ? -baseUnits : baseUnits).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '')
  return `${baseUnits < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

const THOUSANDS = /\B(?=(\d{3})+$)/g

/**
 * Formats base units for people: thousands separated, at most `maxDecimals` decimals, truncated and never rounded up, so
 * that nobody is shown more than there is. An amount above zero never reads as zero: it then keeps all its decimals. For
 * text only; fields and links use {@link formatAmount}, which is exact.
 *
 * @example showAmount(12_345_678_900n, 6) // '12,345.6789'
 */
export function showAmount(baseUnits: bigint, decimals: number, maxDecimals = 6): string {
  const [whole = '0', fraction = ''] = formatAmount(baseUnits, decimals).split('.')
  const cut = fraction.slice(0, maxDecimals).replace(/0+$/, '')
  const isSwallowed = whole === '0' && cut === '' && fraction !== ''
  const shown = isSwallowed ? fraction : cut
  return `${whole.replace(THOUSANDS, ',')}${shown === '' ? '' : `.${shown}`}`
}

/** Micros per base unit, exact: the `rate` of a quote. */
export interface Rate {
  numerator: bigint
  denominator: bigint
}

/**
 * What an amount is worth at a quote's rate, in micros: multiplied, divided once and floored, as billing does it. It lets
 * the page answer while somebody types; what counts is the service's quote that follows and, in the end, the price at the
 * deposit's block.
 */
export function microsFor(amountBaseUnits: bigint, { numerator, denominator }: Rate): bigint {
  return (amountBaseUnits * numerator) / denominator
}

/** The least amount, in base units, that yields at least `micros`; null when the rate is zero. */
export function amountFor(micros: bigint, { numerator, denominator }: Rate): bigint | null {
  if (numerator === 0n) return null
  return (micros * denominator + numerator - 1n) / numerator
}

const MINUTES_DECIMALS = 6
const MICROS_PER_MILLIONTH = 60n

/** The most that one payment can be credited, as billing bounds it: 2^53 − 1 micros. */
const MAX_CREDIT_MICROS = 2n ** 53n - 1n

/**
 * Reads what somebody typed as wanted minutes, in micros: at most 6 decimals, above zero, and no more than one payment
 * can be credited. Otherwise as strict as {@link parseAmount}.
 */
export function parseWantedMinutes(
  text: string,
): { kind: 'minutes'; micros: bigint } | { kind: 'fault'; fault: AmountFault } {
  const parsed = parseAmount(text, MINUTES_DECIMALS)
  if (parsed.kind === 'fault') return parsed
  const micros = parsed.baseUnits * MICROS_PER_MILLIONTH
  return micros > MAX_CREDIT_MICROS ? { kind: 'fault', fault: 'too_large' } : { kind: 'minutes', micros }
}

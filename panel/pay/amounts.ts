/** What a person's text in an amount field is: base units, or why it is not an amount. */
export type ParsedAmount = { kind: 'amount'; baseUnits: bigint } | { kind: 'fault'; fault: AmountFault }

/** Why a text is not an amount; each has its sentence in `text/payment.ts`. */
export type AmountFault =
  | 'empty'
  | 'not_a_number'
  | 'ambiguous_comma'
  | 'too_many_decimals'
  | 'zero'
  | 'too_large'

const pattern = /^(\d{1,78})(?:[.,](\d{1,78}))?$|^[.,](\d{1,78})$/

/** The most that any token can hold. */
const MAX_BASE_UNITS = 2n ** 256n - 1n

/**
 * Reads what somebody typed as an amount, exactly: more decimals than the asset has are refused, never rounded, unless
 * they are zeros. A comma is read as the decimal separator, as half of the world writes it, but `1,000` is refused: it is
 * a thousand to one reader and one to the next, and the difference is money.
 *
 * @example parseAmount('0.0005', 18) // { kind: 'amount', baseUnits: 500_000_000_000_000n }
 */
export function parseAmount(text: string, decimals: number): ParsedAmount {
  const trimmed = text.trim()
  if (trimmed === '') return { kind: 'fault', fault: 'empty' }
  const match = pattern.exec(trimmed)
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

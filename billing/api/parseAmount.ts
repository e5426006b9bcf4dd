const pattern = /^(0|[1-9]\d{0,77})(?:\.(\d{1,77}))?$/

/**
 * Reads an amount in asset units, `0.0005` for example, as base units. Exact: surplus digits are refused, never rounded
 * (viem's `parseUnits` would round them). null for a sign, an exponent, zero, more decimals than the asset has.
 *
 * @example parseAmount('1.5', 6) // 1_500_000n
 */
export function parseAmount(text: string, decimals: number): bigint | null {
  const [, whole, fraction = ''] = pattern.exec(text) ?? []
  if (whole === undefined || fraction.length > decimals) return null
  const baseUnits = BigInt(whole + fraction.padEnd(decimals, '0'))
  return baseUnits === 0n ? null : baseUnits
}

/**
 * Writes base units as a decimal string, exactly and without superfluous zeros: what `parseAmount` reads back as the same.
 *
 * @example formatAmount(500_000_000_000_000n, 18) // '0.0005'
 */
export function formatAmount(baseUnits: bigint, decimals: number): string {
  const digits = (baseUnits < 0n ? -baseUnits : baseUnits).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '')
  return `${baseUnits < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

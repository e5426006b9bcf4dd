const MICROS_PER_MINUTE = 60_000_000n

/**
 * Writes micros as minutes for reading: thousands apart, cut off after so many decimals and never rounded, a real minus sign.
 * With `fixed`, always that many, so that a number that counts down keeps its width.
 *
 * @example minutesText(74_070_000_000n, 2) // '1,234.5'
 */
export function minutesText(micros: bigint, decimals = 0, { fixed = false } = {}): string {
  const size = micros < 0n ? -micros : micros
  const whole = (size / MICROS_PER_MINUTE).toString().replace(/\B(?=(\d{3})+$)/g, ',')
  const scale = 10n ** BigInt(decimals)
  const digits = (((size % MICROS_PER_MINUTE) * scale) / MICROS_PER_MINUTE).toString().padStart(decimals, '0')
  const fraction = decimals === 0 ? '' : fixed ? digits : digits.replace(/0+$/, '')
  const text = `${whole}${fraction === '' ? '' : `.${fraction}`}`
  return micros < 0n && /[1-9]/.test(text) ? `−${text}` : text
}

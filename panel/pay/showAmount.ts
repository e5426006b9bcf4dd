import { formatAmount } from './formatAmount.ts'

const THOUSANDS = /\B(?=(\d{3})+$)/g

/**
 * Writes base units for reading: thousands apart, and no more decimals than `maxDecimals`, cut off and never rounded up,
 * so that nobody is shown more than there is. What is above zero never reads as zero: it then has all its decimals.
 * For text only; fields and links take {@link formatAmount}, which is exact.
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

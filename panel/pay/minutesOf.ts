import { formatAmount } from './formatAmount.ts'

const MICROS_PER_MILLIONTH = 60n
const DECIMALS = 6

/**
 * Writes micros as minutes with at most 6 decimals, floored, as the service does beside every amount of micros: never
 * more than what is credited.
 *
 * @example minutesOf(90_000_000n) // '1.5'
 */
export function minutesOf(micros: bigint): string {
  return formatAmount(micros / MICROS_PER_MILLIONTH, DECIMALS)
}

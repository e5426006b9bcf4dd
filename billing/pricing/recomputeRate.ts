import type { Fraction } from '../config/config.ts'
import { parseDecimal } from '../config/shapes/numbers.ts'
import { unjudgedAxgtUsd } from './axgtUsd.ts'
import { answerOf } from './ethUsd.ts'
import { compare, fractionOf } from './fraction.ts'
import type { OracleReading } from './oracleReading.ts'
import { factorOf, type Quote, rateOf } from './quote.ts'

/**
 * Recomputes a quote's rate from what feed and pool said, the price of an hour, the discount and the bonus. The snapshot
 * holds all of them, so a credit can be explained years later without the chain. Null for a fixed rate, which the operator
 * sets. Throws where the snapshot contradicts itself (a market price without its reading).
 */
export function recomputeRate(quote: Quote): Fraction | null {
  const { mode, reading, usdPerHour } = quote.price
  if (mode === 'fixed') return null
  if (reading === null || usdPerHour === null)
    throw new Error('a market price without the reading it rests on')
  const { usdPerUnit, decimals } = unjudgedPrice(mode, reading)
  return rateOf({
    usdPerUnit,
    usdPerHour: exact(usdPerHour),
    factor: factorOf({ discount: exact(quote.tier.discountPercent), bonus: exact(quote.bonusPercent) }),
    baseUnitsPerUnit: fractionOf(10n ** BigInt(decimals)),
  })
}

const ETH_DECIMALS = 18

function unjudgedPrice(
  mode: 'chainlink' | 'twap',
  reading: OracleReading,
): { usdPerUnit: Fraction; decimals: number } {
  if (mode === 'chainlink') return { usdPerUnit: answerOf(reading.ethUsd), decimals: ETH_DECIMALS }
  const usdPerUnit = unjudgedAxgtUsd(reading)
  if (reading.pool?.kind !== 'answered') throw new Error('a TWAP without its pool')
  return { usdPerUnit, decimals: reading.pool.axgtDecimals }
}

/** Whether a rate equals the quote's. */
export function isRateOf(quote: Quote, rate: Fraction): boolean {
  return compare(rate, quote.price.microsPerBaseUnit) === 0
}

function exact(decimal: string): Fraction {
  const value = parseDecimal(decimal)
  if (value === null) throw new Error(`${decimal} is no plain decimal`)
  return value
}

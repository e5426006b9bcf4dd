import type { Fraction } from '../config/config.ts'
import { multiply } from './fraction.ts'
import type { PoolWindow } from './oracleReading.ts'

/** Uniswap v3's MAX_TICK; no pool has a tick further from 0 on either side. */
export const MAX_TICK = 887_272

const FRACTION_BITS = 192n
const ONE = 1n << FRACTION_BITS

/** Number of bits in a tick: 2^20 is above MAX_TICK. */
const LADDER_LENGTH = 20

const { lower: LOWER_LADDER, upper: UPPER_LADDER } = buildLadders()

/**
 * Encloses the price of a Uniswap v3 tick, 1.0001^tick base units of token1 per base unit of token0: the exact value is
 * never below `lower` and never above `upper`, and the two differ by less than 2^-160 of it. Not in lowest terms.
 *
 * Uniswap's own TickMath is not good enough: its square root is rounded up, above the exact value, and at the low end it has
 * only 32 significant bits: an error of up to 2.3e-10, and twice that in the price.
 *
 * Throws RangeError for a tick that is no integer or is outside ±887272.
 */
export function enclosePrice(tick: number | bigint): { lower: Fraction; upper: Fraction } {
  if (typeof tick === 'number' && !Number.isInteger(tick)) {
    throw new RangeError(`a tick must be an integer, not ${tick}`)
  }
  if (!isTick(tick)) throw new RangeError(`a tick must be within ±${MAX_TICK}, not ${tick}`)
  const distance = BigInt(tick < 0 ? -tick : tick)
  const lower = climb(LOWER_LADDER, distance, floorToFixed)
  const upper = climb(UPPER_LADDER, distance, ceilToFixed)
  // The reciprocal of a fraction is exact, and swaps the bounds.
  return tick < 0
    ? { lower: { numerator: ONE, denominator: upper }, upper: { numerator: ONE, denominator: lower } }
    : { lower: { numerator: lower, denominator: ONE }, upper: { numerator: upper, denominator: ONE } }
}

/**
 * The arithmetic mean of the tick over a window, which is the tick of the geometric mean price, as an integer: rounded
 * towards −∞ (`down`, as `consult` of Uniswap's OracleLibrary does) or towards +∞ (`up`).
 *
 * Throws RangeError when `seconds` is no positive integer, and for a mean outside ±887272, which no pool has.
 */
export function meanTick(
  window: Pick<PoolWindow, 'seconds' | 'tickCumulativeDelta'>,
  rounding: 'down' | 'up',
): number {
  const { seconds, tickCumulativeDelta } = window
  if (!Number.isSafeInteger(seconds) || seconds <= 0) {
    throw new RangeError(`a window must be a positive integer of seconds, not ${seconds}`)
  }
  // Division of bigints rounds towards zero.
  const quotient = tickCumulativeDelta / BigInt(seconds)
  const remainder = tickCumulativeDelta % BigInt(seconds)
  let mean = quotient
  if (rounding === 'down' && remainder < 0n) mean = quotient - 1n
  if (rounding === 'up' && remainder > 0n) mean = quotient + 1n
  if (!isTick(mean)) throw new RangeError(`a mean tick must be within ±${MAX_TICK}, not ${mean}`)
  return Number(mean)
}

/**
 * WETH per AXGT, both in whole units, over a window of their Uniswap v3 pool: the geometric mean price. Never above the
 * exact value 1.0001^(±tickCumulativeDelta / seconds) × 10^(axgtDecimals − wethDecimals), plus where AXGT is token0.
 *
 * The mean is rounded to an integer tick, as Uniswap's `consult` does, but always to the side on which AXGT is cheaper: less
 * than one basis point, in the operator's favour. The ticks that a pool remembers are already floored prices, which no
 * reader can undo: up to one basis point in favour of token1. Apart from that the price is low by less than 2^-160 of
 * itself.
 *
 * Throws RangeError for decimals outside 0…77, and whenever {@link meanTick} does.
 */
export function wethPerAxgt(input: {
  axgtIsToken0: boolean
  axgtDecimals: number
  wethDecimals: number
  window: PoolWindow
}): Fraction {
  const { axgtIsToken0, axgtDecimals, wethDecimals, window } = input
  // The tick prices token0 in token1; where AXGT is token1 the price is the reciprocal, the negative tick's.
  const tick = axgtIsToken0 ? meanTick(window, 'down') : -meanTick(window, 'up')
  const baseUnitsPerBaseUnit = enclosePrice(tick).lower
  return multiply(baseUnitsPerBaseUnit, {
    numerator: baseUnitsPerUnit(axgtDecimals),
    denominator: baseUnitsPerUnit(wethDecimals),
  })
}

function baseUnitsPerUnit(decimals: number): bigint {
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > 77) {
    throw new RangeError(`decimals must be 0…77, not ${decimals}`)
  }
  return 10n ** BigInt(decimals)
}

function isTick(integer: number | bigint): boolean {
  return integer >= -MAX_TICK && integer <= MAX_TICK
}

/** 1.0001^(2^i) for i = 0…19 in fixed point, each from the one before: `lower` never above the exact power, `upper` never below. */
function buildLadders(): { lower: bigint[]; upper: bigint[] } {
  const lower: bigint[] = []
  const upper: bigint[] = []
  let below = (10_001n * ONE) / 10_000n
  // 1.0001 has no finite binary form, so the quotient above was truncated.
  let above = below + 1n
  for (let i = 0; i < LADDER_LENGTH; i++) {
    lower.push(below)
    upper.push(above)
    below = floorToFixed(below * below)
    above = ceilToFixed(above * above)
  }
  return { lower, upper }
}

/** The product of the rungs that make up `distance`, rounded to fixed point after each. */
function climb(ladder: bigint[], distance: bigint, round: (product: bigint) => bigint): bigint {
  return ladder.reduce(
    (product, rung, i) => ((distance >> BigInt(i)) & 1n ? round(product * rung) : product),
    ONE,
  )
}

/** A product of two fixed-point numbers as a fixed-point number, rounded down. */
function floorToFixed(product: bigint): bigint {
  return product >> FRACTION_BITS
}

/** A product of two fixed-point numbers as a fixed-point number, rounded up. */
function ceilToFixed(product: bigint): bigint {
  return (product + ONE - 1n) >> FRACTION_BITS
}

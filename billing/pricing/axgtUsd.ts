import type { Fraction, PricingConfig } from '../config/config.ts'
import { answerOf, ethUsd } from './ethUsd.ts'
import { compare, fractionOf, multiply, subtract } from './fraction.ts'
import type { OracleReading, PoolReading, PoolWindow } from './oracleReading.ts'
import { MAX_TICK, wethPerAxgt } from './tickPrice.ts'

type TwapPricing = Extract<PricingConfig['axgt'], { mode: 'twap' }>
type AnsweredPool = Extract<PoolReading, { kind: 'answered' }>

/** The last price accepted before a block: the next one must not be far from it. */
export interface AcceptedPrice {
  usdPerUnit: Fraction
  blockNumber: bigint
}

export interface AxgtUsdInput {
  reading: OracleReading
  pricing: TwapPricing
  ethUsdMaxAgeSeconds: number
  /** null: none in the last day, so there is nothing to compare with. */
  lastAccepted: AcceptedPrice | null
  /** The operator accepts a price far from the others. */
  acceptDeviation: boolean
}

/** USD per AXGT, or one sentence that says why there is no price to trust. */
export type AxgtUsd = { kind: 'priced'; usdPerAxgt: Fraction } | { kind: 'unavailable'; why: string }

/**
 * Judges what the pool and the feed said at a block: the TWAP in WETH times ETH/USD. Pure; never above the exact value.
 *
 * There is no price where the pool remembers less than the TWAP, where its depth over the TWAP was below the floor, or where
 * the TWAP is further than `AXGT_MAX_DEVIATION_PERCENT` from the slower one or from the last accepted price: nobody must
 * profit from pushing the spot price for a while. Exactly at a limit is accepted. The last accepted price is floored to 18
 * decimals.
 */
export function axgtUsd(input: AxgtUsdInput): AxgtUsd {
  const eth = ethUsd(input.reading, input.ethUsdMaxAgeSeconds)
  if (eth.kind === 'unavailable') return eth
  const { pool } = input.reading
  if (pool === null || pool.kind === 'silent') {
    return unavailable('the AXGT pool does not answer as a Uniswap v3 pool does')
  }
  if ([pool.fast, pool.slow].some((window) => window !== null && isBeyondTicks(window))) {
    return unavailable('the AXGT pool claims a tick that no Uniswap v3 pool can have')
  }
  if (pool.fast === null) return unavailable(tooFewObservations(pool, input.pricing.twapSeconds))
  const fast = wethPerAxgt({ ...pool, window: pool.fast })
  if (isShallow(pool, pool.fast, fast, input.pricing.minimumLiquidityEth)) {
    return unavailable('the AXGT pool has less liquidity than AXGT_MIN_LIQUIDITY_ETH asks for')
  }
  const usdPerAxgt = multiply(fast, eth.usdPerEth)
  const why = input.acceptDeviation ? null : whyDeviant(input, pool, { fast, usdPerAxgt })
  return why === null ? { kind: 'priced', usdPerAxgt } : unavailable(why)
}

/** A contract that only poses as a pool, or an RPC that lies, may claim any sum: its price would mean nothing. */
function isBeyondTicks({ seconds, tickCumulativeDelta }: PoolWindow): boolean {
  const size = tickCumulativeDelta < 0n ? -tickCumulativeDelta : tickCumulativeDelta
  return size > BigInt(MAX_TICK) * BigInt(seconds)
}

/** USD per AXGT by a reading, unjudged. Throws where pool or feed gave no answer. */
export function unjudgedAxgtUsd({ pool, ethUsd: feed }: OracleReading): Fraction {
  if (pool === null || pool.kind === 'silent' || pool.fast === null) {
    throw new Error('a pool that gave no answer has no price')
  }
  return multiply(wethPerAxgt({ ...pool, window: pool.fast }), answerOf(feed))
}

function unavailable(why: string): AxgtUsd {
  return { kind: 'unavailable', why }
}

/** Blocks are at most twelve seconds apart; twice as many observations as needed leaves room for busy times. */
const SECONDS_PER_OBSERVATION = 6
const MAX_CARDINALITY = 65_535

function tooFewObservations({ pool, cardinality }: AnsweredPool, twapSeconds: number): string {
  const needed = Math.min(Math.ceil(twapSeconds / SECONDS_PER_OBSERVATION) + 1, MAX_CARDINALITY)
  const remedy =
    cardinality < needed
      ? `lengthen its memory: cast send ${pool} "increaseObservationCardinalityNext(uint16)" ${needed}`
      : 'it has room for more, so waiting ends it'
  return `the AXGT pool remembers less than ${twapSeconds} seconds (${cardinality} observations); ${remedy}`
}

/**
 * Whether the pool's virtual WETH reserve, L × √price, was below the floor. L is the harmonic mean over the window, which
 * liquidity added for a moment hardly moves. Compared as squares, so that no root is taken.
 */
function isShallow(
  { wethDecimals, axgtDecimals }: AnsweredPool,
  window: PoolWindow,
  wethPerAxgtUnits: Fraction,
  floorEth: Fraction,
): boolean {
  if (floorEth.numerator === 0n) return false
  // 0 only if the liquidity was more than a pool can hold: surely deep enough.
  if (window.secondsPerLiquidityDeltaX128 === 0n) return false
  const liquidity: Fraction = {
    numerator: BigInt(window.seconds) << 128n,
    denominator: window.secondsPerLiquidityDeltaX128,
  }
  const perBaseUnit = multiply(wethPerAxgtUnits, {
    numerator: 10n ** BigInt(wethDecimals),
    denominator: 10n ** BigInt(axgtDecimals),
  })
  const floorBaseUnits = multiply(floorEth, fractionOf(10n ** BigInt(wethDecimals)))
  const reserveSquared = multiply(multiply(liquidity, liquidity), perBaseUnit)
  return compare(reserveSquared, multiply(floorBaseUnits, floorBaseUnits)) < 0
}

function whyDeviant(
  { pricing, lastAccepted }: AxgtUsdInput,
  pool: AnsweredPool,
  { fast, usdPerAxgt }: { fast: Fraction; usdPerAxgt: Fraction },
): string | null {
  const limit = pricing.maxDeviationPercent
  if (pool.slow !== null && isFar(fast, wethPerAxgt({ ...pool, window: pool.slow }), limit)) {
    return `the AXGT price of the last ${pricing.twapSeconds} seconds is too far from that of the last ${pool.slow.seconds}`
  }
  if (lastAccepted !== null && isFar(usdPerAxgt, lastAccepted.usdPerUnit, limit)) {
    return `the AXGT price is too far from the last one that was accepted, of block ${lastAccepted.blockNumber}`
  }
  return null
}

/** |price − reference| > limit % of the reference. */
function isFar(price: Fraction, reference: Fraction, limitPercent: Fraction): boolean {
  const difference = subtract(price, reference)
  const size = difference.numerator < 0n ? { ...difference, numerator: -difference.numerator } : difference
  const allowed = multiply(reference, { ...limitPercent, denominator: limitPercent.denominator * 100n })
  return compare(size, allowed) > 0
}

import type { Fraction, PricingConfig } from '../config/config.ts'
import { type AxgtHistory, isFar, medianOfNotedDay, whyFarFromHistory } from './axgtHistory.ts'
import { answerOf, ethUsd } from './ethUsd.ts'
import { compare, divide, fractionOf, multiply } from './fraction.ts'
import type { OracleReading, PoolReading, PoolWindow } from './oracleReading.ts'
import { MAX_TICK, wethPerAxgt } from './tickPrice.ts'

type TwapPricing = Extract<PricingConfig['axgt'], { mode: 'twap' }>
type AnsweredPool = Extract<PoolReading, { kind: 'answered' }>

/**
 * How far a price may be from the others: `limited` by `AXGT_MAX_DEVIATION_PERCENT`; `near`, a fifth of that, for a payment
 * that was held and can wait; or `accepted`, on the operator's word, however far.
 */
export type Deviation = 'limited' | 'near' | 'accepted'

export interface AxgtUsdInput {
  reading: OracleReading
  pricing: TwapPricing
  /** Says how fast observations can be pushed out of the pool. */
  chainId: number
  ethUsdMaxAgeSeconds: number
  /** null: nothing is known, so there is nothing to compare with. */
  history: AxgtHistory | null
  deviation: Deviation
}

/** USD per AXGT, or one sentence that says why there is no price to trust. */
export type AxgtUsd = { kind: 'priced'; usdPerAxgt: Fraction } | { kind: 'unavailable'; why: string }

/**
 * Judges what the pool and the feed said at a block: the TWAP in WETH times ETH/USD. Pure; never above the exact value.
 *
 * There is no price where the pool remembers less than the slower TWAP needs, where its depth over the TWAP was below the
 * floor, or where the TWAP is further than `AXGT_MAX_DEVIATION_PERCENT` from the slower one or from the price's own history:
 * nobody must profit from pushing the spot price for a while. Exactly at a limit is accepted.
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
  const forgetful = whyForgetful(pool, { ...input, twapSeconds: input.pricing.twapSeconds })
  if (forgetful !== null) return unavailable(forgetful)
  if (pool.fast === null) return unavailable('the AXGT pool contradicts itself about how much it remembers')
  const fast = wethPerAxgt({ ...pool, window: pool.fast })
  if (isShallow(pool, pool.fast, fast, input.pricing.minimumLiquidityEth)) {
    return unavailable('the AXGT pool has less liquidity than AXGT_MIN_LIQUIDITY_ETH asks for')
  }
  const usdPerAxgt = multiply(fast, eth.usdPerEth)
  const why = input.deviation === 'accepted' ? null : whyDeviant(input, pool, { fast, usdPerAxgt })
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

/**
 * A held payment is priced at the first block whose price is usable, and that is the one at which a pushed price has just
 * come back to the limit. So for it the limit is narrower: it may as well wait until the push is over.
 */
const NEAR_SHARE = fractionOf(5n)

function whyDeviant(
  { reading, pricing, history, deviation }: AxgtUsdInput,
  pool: AnsweredPool,
  { fast, usdPerAxgt }: { fast: Fraction; usdPerAxgt: Fraction },
): string | null {
  const { maxDeviationPercent, twapSeconds } = pricing
  const limit = deviation === 'near' ? divide(maxDeviationPercent, NEAR_SHARE) : maxDeviationPercent
  if (pool.slow !== null && isFar(fast, wethPerAxgt({ ...pool, window: pool.slow }), limit)) {
    return `the AXGT price of the last ${twapSeconds} seconds is too far from that of the last ${pool.slow.seconds}`
  }
  if (history === null) return null
  const median = medianOfNotedDay(history)
  if (deviation === 'near' && median !== null && isFar(usdPerAxgt, median, limit)) {
    return 'the AXGT price is not near enough to the median of the prices noted over a day'
  }
  return whyFarFromHistory(
    { usdPerUnit: usdPerAxgt, timestamp: reading.block.timestamp },
    history,
    maxDeviationPercent,
  )
}

const LEAST_SECONDS = 21_600
const MAX_CARDINALITY = 65_535
/** Storing one takes 22 100 gas, and a transaction may use 2^24 on Ethereum (EIP-7825). */
const MAX_GROWTH_OF_A_TRANSACTION = 700

/** How often a block comes at most. A pool writes down one observation a second at most, whatever the chain. */
const SECONDS_PER_BLOCK: Readonly<Record<number, number>> = { 1: 12, 10: 2, 8453: 2 }
const LEAST_SECONDS_PER_BLOCK = 1

/**
 * How much of the past a pool must remember: the slower TWAP is over six hours at least, and over twice the TWAP where that
 * is longer. Anybody can make a pool forget, one observation by trading in one block, so a shorter memory is no reference.
 */
export function memoryNeededSeconds(twapSeconds: number): number {
  return Math.max(LEAST_SECONDS, 2 * twapSeconds)
}

/** How many observations remember that many seconds even if somebody trades in every block of the chain. */
export function observationsNeeded(seconds: number, chainId: number): number {
  const perBlock = SECONDS_PER_BLOCK[chainId] ?? LEAST_SECONDS_PER_BLOCK
  return Math.min(Math.ceil(seconds / perBlock) + 1, MAX_CARDINALITY)
}

/** Why a pool remembers too little to have a price, and what ends it; null where it remembers enough. */
export function whyForgetful(
  { pool, slow, cardinality }: AnsweredPool,
  { twapSeconds, chainId }: { twapSeconds: number; chainId: number },
): string | null {
  const neededSeconds = memoryNeededSeconds(twapSeconds)
  const remembered = slow?.seconds ?? 0
  if (remembered >= neededSeconds) return null
  const problem = `the AXGT pool remembers ${remembered} seconds (${cardinality} observations) and must remember ${neededSeconds}`
  const needed = observationsNeeded(neededSeconds, chainId)
  if (cardinality >= needed) return `${problem}; it has room for more, so waiting ends it`
  const next = Math.min(cardinality + MAX_GROWTH_OF_A_TRANSACTION, needed)
  return `${problem}; it needs room for ${needed}, up to ${MAX_GROWTH_OF_A_TRANSACTION} more at a time: cast send ${pool} "increaseObservationCardinalityNext(uint16)" ${next}`
}

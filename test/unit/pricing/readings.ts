import type { Address } from 'viem'
import type { Fraction, PricingConfig } from '../../../billing/config/config.ts'
import type {
  FeedReading,
  OracleReading,
  PoolReading,
  PoolWindow,
} from '../../../billing/pricing/oracleReading.ts'

export const FEED: Address = `0x${'fe'.repeat(20)}`
export const SEQUENCER: Address = `0x${'5e'.repeat(20)}`
export const POOL: Address = `0x${'b0'.repeat(20)}`
export const NOW = 1_700_000_000n
/** 2000 USD with the feed's usual 8 decimals. */
export const USD_2000 = 2_000n * 10n ** 8n

export const of = (numerator: bigint, denominator = 1n): Fraction => ({ numerator, denominator })

type AnsweredFeed = Extract<FeedReading, { kind: 'answered' }>
type AnsweredPool = Extract<PoolReading, { kind: 'answered' }>

/** A feed that was updated a minute ago. */
export function feed(change: Partial<AnsweredFeed> = {}): AnsweredFeed {
  return {
    kind: 'answered',
    feed: FEED,
    roundId: 42n,
    answer: USD_2000,
    updatedAt: NOW - 60n,
    answeredInRound: 42n,
    decimals: 8,
    ...change,
  }
}

const LIQUIDITY = 10n ** 22n

/** That the tick stood still for so long, under a deep and constant liquidity. */
export function poolWindow(seconds: number, tick: number, liquidity = LIQUIDITY): PoolWindow {
  return {
    seconds,
    tickCumulativeDelta: BigInt(tick) * BigInt(seconds),
    secondsPerLiquidityDeltaX128: (BigInt(seconds) << 128n) / liquidity,
  }
}

/** At tick −122 060 an AXGT (token 0) is about 0.000005 WETH: 1 cent at 2000 USD. */
export const TICK = -122_060

export function pool(change: Partial<AnsweredPool> = {}): AnsweredPool {
  return {
    kind: 'answered',
    pool: POOL,
    axgtIsToken0: true,
    axgtDecimals: 18,
    wethDecimals: 18,
    fast: poolWindow(1_800, TICK),
    slow: poolWindow(86_400, TICK),
    cardinality: 1_000,
    ...change,
  }
}

export function reading(change: Partial<OracleReading> = {}): OracleReading {
  return {
    block: { number: 7n, hash: `0x${'07'.repeat(32)}`, timestamp: NOW },
    ethUsd: feed(),
    sequencer: null,
    pool: pool(),
    ...change,
  }
}

/** ETH by Chainlink and AXGT by its TWAP, otherwise the defaults. */
export const marketPricing: PricingConfig & { axgt: { mode: 'twap' } } = {
  usdPerHour: of(1n),
  ethUsdMaxAgeSeconds: 7_200,
  eth: { mode: 'chainlink', minimumEth: of(5n, 10_000n) },
  usdc: { minimumUsdc: of(1n) },
  axgt: {
    mode: 'twap',
    twapSeconds: 1_800,
    maxDeviationPercent: of(25n),
    minimumLiquidityEth: of(1n, 10n),
    minimumAxgt: of(100n),
    bonusPercent: of(25n),
    dailyCapMicros: null,
  },
  tiers: [
    { minimumAxgt: 0n, discountPercent: of(0n) },
    { minimumAxgt: 100_000n, discountPercent: of(25n) },
  ],
}

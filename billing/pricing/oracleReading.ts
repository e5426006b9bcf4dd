import type { Address } from 'viem'
import type { Rail } from '../config/config.ts'

/** The block that a price was read at. */
export interface PriceBlock {
  number: bigint
  hash: string
  /** Seconds since 1970. */
  timestamp: bigint
}

/**
 * What a chain's price sources said after one block, unjudged: `priceRail` decides whether it makes a price. It is kept
 * whole with the credit.
 */
export interface OracleReading {
  block: PriceBlock
  ethUsd: FeedReading
  /** null where no sequencer feed is configured. */
  sequencer: SequencerReading | null
  /** null where the pool was not asked: no payment of the block is priced by it. */
  pool: PoolReading | null
}

/** Chainlink's `latestRoundData`; `silent`: the feed reverted, or there is no contract. */
export type FeedReading =
  | {
      kind: 'answered'
      feed: Address
      roundId: bigint
      answer: bigint
      updatedAt: bigint
      answeredInRound: bigint
      decimals: number
    }
  | { kind: 'silent'; feed: Address }

/** Chainlink's sequencer-uptime feed of an L2: answer 0 is up, 1 is down, since `startedAt`. */
export type SequencerReading =
  | { kind: 'answered'; feed: Address; answer: bigint; startedAt: bigint }
  | { kind: 'silent'; feed: Address }

/** What a Uniswap v3 pool of AXGT and WETH said. */
export type PoolReading =
  | {
      kind: 'answered'
      pool: Address
      axgtIsToken0: boolean
      axgtDecimals: number
      wethDecimals: number
      /** Over `AXGT_TWAP_SECONDS`; null: the pool remembers less than that. */
      fast: PoolWindow | null
      /** Over 24 hours, or over all that the pool remembers where that is less. */
      slow: PoolWindow | null
      /** How many observations the pool keeps. */
      cardinality: number
    }
  | { kind: 'silent'; pool: Address }

/** How Uniswap's oracle accumulators grew over a period that ends with the block. */
export interface PoolWindow {
  seconds: number
  /** Of `tickCumulative`: the sum of the tick over every second. */
  tickCumulativeDelta: bigint
  /** Of `secondsPerLiquidityCumulativeX128`, modulo 2^160. */
  secondsPerLiquidityDeltaX128: bigint
}

/** Where a price came from. */
export const priceSources = ['fixed', 'chainlink', 'twap'] as const
export type PriceSource = (typeof priceSources)[number]

/** One price of the history: used for a credit, or recorded in between. */
export interface PriceView {
  rail: Rail
  /** USD per whole unit of the asset, a decimal string with at most 18 decimals, floored. */
  usdPerUnit: string
  source: PriceSource
  /** Of the ETH/USD feed; null at fixed rates. */
  roundId: bigint | null
  /** When the ETH/USD feed had last been updated; null at fixed rates. */
  updatedAt: Date | null
  blockNumber: bigint
  blockHash: string
  blockTimestamp: Date
}

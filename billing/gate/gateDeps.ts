import type { Address, Hash } from 'viem'
import type { ChainReader } from '../chain/chainReader.ts'
import type { EthDetection, PricingConfig, Rail, RailConfig } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import type { GateEvent } from '../deposits/deposit.ts'
import type { MeterLimits } from '../metering/meterSessions.ts'

/** A chain as the gate sees it. */
export interface GateChain {
  chainId: number
  /** head − block + 1 that a deposit must reach. */
  confirmations: number
  /** `START_BLOCK`: payments before it are looked for only on request. */
  startBlock: bigint
  /** Under what payments are seen and judged now. */
  setup: ChainSetup
  reader: ChainReader
}

/** The settings that decide what counts as a payment, beside a rail's token. */
export interface ChainSetup {
  wallet: Address
  ethDetection: EthDetection
}

/** A rail that may be credited, with the decimals of its token. */
export interface GateRail {
  config: RailConfig
  decimals: number
}

/** The gate's effects and settings, all passed in, so that a simulator can run the production code. */
export interface GateDeps {
  sql: Sql
  /** The machine's clock, for back-off only: no amount and no credit depends on it. */
  clock: () => Date
  chains: ReadonlyMap<number, GateChain>
  rails: ReadonlyMap<Rail, GateRail>
  pricing: PricingConfig
  axgtDecimals: ReadonlyMap<number, number>
  /** What sessions are metered by: a deposit first settles the grace that its payer's sessions have used. */
  meterLimits: MeterLimits
  /** The last look at each chain's prices: passes run every second, prices need not be read as often. */
  pricesLookedAt: Map<number, PriceLook>
  /** How far each chain was searched while its index is behind; none for one whose index keeps up. */
  searchedTo: Map<number, UnindexedSearch>
  /** Blocks of each chain in which a proof showed more than was seen: they are searched once more. */
  sightAgain: Map<number, Set<bigint>>
  report: (event: GateEvent) => void
}

/** A look at a chain's prices: its time by the gate's clock, and whether a rail had no price. */
export interface PriceLook {
  at: number
  anyUnavailable: boolean
}

/** The search of a chain whose index has not reached the head. */
export interface UnindexedSearch {
  /** The head that the index is to reach, and since when, by the gate's clock in milliseconds. */
  awaited: bigint
  since: number
  /** For tokens, and what transactions pay by their own value. */
  quick: SearchLane | null
  /** For ETH in traces. */
  traces: SearchLane | null
}

/** How far one kind of search has got, and which block stood there: where another one does, a reorg came in between. */
export interface SearchLane {
  progress: SearchProgress | null
  hash: Hash | null
}

/** Blocks, both ends included. */
export interface BlockRange {
  from: bigint
  to: bigint
}

/** How far one search of a chain has got. */
export interface SearchProgress {
  /** Up to here everything is searched, but for the gap. */
  number: bigint
  /** Blocks further down that are still to be searched. */
  gap: BlockRange | null
}

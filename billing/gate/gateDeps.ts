import type { ChainReader } from '../chain/chainReader.ts'
import type { PricingConfig, Rail, RailConfig } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import type { GateEvent } from '../deposits/deposit.ts'

/** A chain as the gate sees it. */
export interface GateChain {
  chainId: number
  /** head − block + 1 that a deposit must reach. */
  confirmations: number
  reader: ChainReader
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
  /** The last look at each chain's prices: passes run every second, prices need not be read as often. */
  pricesLookedAt: Map<number, PriceLook>
  report: (event: GateEvent) => void
}

/** A look at a chain's prices: its time by the gate's clock, and whether a rail had no price. */
export interface PriceLook {
  at: number
  anyUnavailable: boolean
}

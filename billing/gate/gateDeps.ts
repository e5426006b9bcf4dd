import type { ChainReader } from '../chain/chainReader.ts'
import type { PricingConfig, Rail, RailConfig } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import type { GateEvent } from '../deposits/deposit.ts'

/** A chain as the gate sees it. */
export interface GateChain {
  chainId: number
  /** head − block + 1 that a deposit needs. */
  confirmations: number
  reader: ChainReader
}

/** A rail that may be credited, with what its token says of itself. */
export interface GateRail {
  config: RailConfig
  decimals: number
}

/** The gate's effects and settings, all handed in, so that a simulator can drive the very code that runs in production. */
export interface GateDeps {
  sql: Sql
  /** Of the machine, for back-off only: no amount and no credit depends on it. */
  clock: () => Date
  chains: ReadonlyMap<number, GateChain>
  rails: ReadonlyMap<Rail, GateRail>
  pricing: PricingConfig
  axgtDecimals: ReadonlyMap<number, number>
  /** How each chain's prices were last looked at for the history: a pass comes every second, a price need not. */
  pricesLookedAt: Map<number, PriceLook>
  report: (event: GateEvent) => void
}

/** The last look at a chain's prices: when, by the gate's clock, and whether a rail had none. */
export interface PriceLook {
  at: number
  anyUnavailable: boolean
}

import type { Address, Hash } from 'viem'
import type { ChainReader } from '../chain/chainReader.ts'
import type { PricingConfig, Rail, RailConfig } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import type { DepositReason, DepositState } from './schema.ts'

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

/** What the gate did, for the log and the metrics. Told after the commit. */
export type GateEvent =
  | {
      kind: 'credited'
      depositId: string
      rail: Rail
      payer: Address
      amountBaseUnits: bigint
      micros: bigint
      blockNumber: bigint
      attempt: number
    }
  | {
      kind: 'held'
      depositId: string
      rail: Rail
      reason: DepositReason
      amountBaseUnits: bigint
      blockNumber: bigint
      detail: string | null
    }
  | {
      kind: 'reversed'
      depositId: string
      rail: Rail
      payer: Address
      micros: bigint
      blockNumber: bigint
      attempt: number
    }
  | { kind: 'orphaned'; depositId: string; rail: Rail; blockNumber: bigint }
  | { kind: 'rejected'; depositId: string; rail: Rail; reason: DepositReason }
  /** The price of a rail can not be trusted now; `why` null: it can again. */
  | { kind: 'price'; rail: Rail; why: string | null }
  | { kind: 'disagreement'; chainId: number; detail: string }
  | { kind: 'problem'; chainId: number; problem: string | null }
  | { kind: 'passed'; chainId: number; durationMs: number; headNumber: bigint; credited: number }
  | { kind: 'failed'; chainId: number; error: unknown }

/** A deposit row as the gate works on it. */
export interface OpenDeposit {
  id: string
  chainId: number
  txHash: Hash
  rail: Rail
  payer: Address
  state: DepositState
  reason: DepositReason | null
  /** The reason in a sentence for the operator. */
  detail: string | null
  amountBaseUnits: bigint
  blockNumber: bigint
  blockHash: Hash
  attempt: number
  failures: number
}

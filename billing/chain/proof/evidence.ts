import type { Address, Hash } from 'viem'
import type { Asset } from '../../config/config.ts'
import type { OracleReading } from '../../pricing/oracleReading.ts'
import type { OracleSources } from '../contracts/readOracle.ts'
import type { ProvenTransfer } from './transfers.ts'

/** What to prove about one block. */
export interface EvidenceRequest {
  block: { number: bigint; hash: Hash }
  /** `ether`: whether to prove ETH movements too; tokens are read from the receipt in any case. */
  transactions: { txHash: Hash; ether: boolean }[]
  /** Whether to read balances and prices at the block: needed to credit, not to see what was paid. */
  state: boolean
  /** Prove payments to this wallet in these tokens, instead of those of the settings. */
  under?: { wallet: Address; tokens: ReadonlyMap<Address, Asset> }
  /** How long to wait for the trace of one transaction; a slower one holds only itself. */
  traceTimeoutMs?: number
}

/** What one transaction paid, summed by asset and payer, in a fixed order. */
export interface TransactionEvidence {
  txHash: Hash
  succeeded: boolean
  transfers: ProvenTransfer[]
}

/** A transaction of which nothing can be said yet, although its block stands. The others of the block do not wait for it. */
export type UnreadTransaction = { txHash: Hash } & (
  | { kind: 'behind' }
  /** Its receipt or trace cannot be had, is too large, or takes too long. */
  | { kind: 'unavailable'; detail: string }
  | { kind: 'disagreement'; detail: string }
)

/** What the chain says about payments in one block. */
export type Evidence =
  | { canonical: false; canonicalHash: Hash }
  | {
      canonical: true
      timestamp: bigint
      transactions: TransactionEvidence[]
      unread: UnreadTransaction[]
      /** AXGT in base units held by each ETH payer after the block; empty where the chain has no AXGT. */
      axgtBalances: { holder: Address; balance: bigint }[]
      /** Tokens of which the wallet received less than their logs say. */
      shortfalls: TokenShortfall[]
      /** What the price sources said after the block; null where no payment in it is priced by them. */
      oracle: OracleReading | null
    }

/** What the proof needs to know of the chain. */
export interface EvidenceContext {
  chainId: number
  wallet: Address
  tokens: ReadonlyMap<Address, Asset>
  /** Decides tiers; null where AXGT does not exist on the chain. */
  axgtToken: Address | null
  ethDetection: 'traces' | 'transactions'
  /** null where no price comes from the chain. */
  oracle: OracleSources | null
}

/** What one RPC says of one transaction; a `why` continues a sentence that starts with the RPC's name. */
export type TransactionReading =
  | { kind: 'read'; evidence: TransactionEvidence }
  /** It shows no receipt of it in this block (yet). */
  | { kind: 'behind'; txHash: Hash }
  | { kind: 'unreadable'; txHash: Hash; why: string }

/** What one RPC says about payments in one block. */
export type BlockReading =
  | { canonical: false; canonicalHash: Hash }
  | {
      canonical: true
      timestamp: bigint
      transactions: TransactionReading[]
      axgtBalances: { holder: Address; balance: bigint }[]
      shortfalls: TokenShortfall[]
      oracle: OracleReading | null
    }

/** A token of which the wallet received less in a block than the block's Transfer logs say. */
export interface TokenShortfall {
  asset: Asset
  /** The sum of the logs minus what was received, in base units; more than 0. */
  shortfallBaseUnits: bigint
  /** Deposits of this token in the whole block: with exactly one, it is clear which one fell short. */
  deposits: number
}

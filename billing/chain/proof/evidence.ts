import type { Address, Hash } from 'viem'
import type { Asset } from '../../config/config.ts'
import type { OracleReading } from '../../pricing/oracleReading.ts'
import type { OracleSources } from '../contracts/readOracle.ts'
import type { ProvenTransfer } from './transfers.ts'

/** What is to be proven of one block. */
export interface EvidenceRequest {
  block: { number: bigint; hash: Hash }
  /** `ether`: whether ETH movements are asked about too; tokens are read from the receipt in any case. */
  transactions: { txHash: Hash; ether: boolean }[]
  /** Whether balances and prices at the block are read: needed to credit, not to see what was paid. */
  state: boolean
}

/** What one transaction paid, summed by asset and payer, in a fixed order. */
export interface TransactionEvidence {
  txHash: Hash
  succeeded: boolean
  transfers: ProvenTransfer[]
}

/** What the chain itself says about payments in one block. */
export type Evidence =
  | { canonical: false; canonicalHash: Hash }
  | {
      canonical: true
      timestamp: bigint
      transactions: TransactionEvidence[]
      /** AXGT in base units held by each ETH payer after the block; empty where the chain has no AXGT. */
      axgtBalances: { holder: Address; balance: bigint }[]
      /** Tokens of which the wallet gained less than their logs say. */
      shortfalls: TokenShortfall[]
      /** What the price sources said after the block; null where nothing in it is priced by them. */
      oracle: OracleReading | null
    }

/** What the proof needs to know of the chain. */
export interface EvidenceContext {
  chainId: number
  wallet: Address
  tokens: ReadonlyMap<Address, Asset>
  /** Decides tiers; null where the chain has none. */
  axgtToken: Address | null
  ethDetection: 'traces' | 'transactions'
  /** null where nothing is priced by the chain itself. */
  oracle: OracleSources | null
}

/** A token of which the wallet gained less in a block than the block's Transfer logs say. */
export interface TokenShortfall {
  asset: Asset
  /** Logs minus what was gained, in base units; more than 0. */
  shortfallBaseUnits: bigint
  /** Deposits of this token in the whole block: with exactly one, it is plain which one fell short. */
  deposits: number
}

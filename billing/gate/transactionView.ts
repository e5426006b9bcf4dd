import type { Address, Hash } from 'viem'
import type { Rail } from '../config/config.ts'
import type { DepositReason, DepositState } from './schema.ts'

/** A deposit as callers see it: from the ledger's side where it is recorded, from the RPCs where it is not yet. */
export interface DepositView {
  /** `<chainId>-<txHash>-<asset>-<payer>` */
  id: string
  txHash: Hash
  chainId: number
  rail: Rail
  payer: Address
  amountBaseUnits: bigint
  state: DepositState
  reason: DepositReason | null
  /** The reason in a sentence for the operator; for nobody else, since it may name an RPC's host. */
  detail: string | null
  /** head − block + 1; 0 while the transaction is only in the mempool or its block is no longer canonical. */
  confirmations: number
  confirmationsRequired: number
  /** What was credited; before that null. */
  creditMicros: bigint | null
  /** null while only in the mempool. */
  blockNumber: bigint | null
  /** When a held deposit is looked at next. */
  retryAt: Date | null
  /** The time of its block; null while it is not recorded. */
  blockTime: Date | null
  /** When the credit that stands was given. */
  creditedAt: Date | null
}

/**
 * `pending`: something may still change (mempool, confirmations, held). `settled`: every deposit is credited or
 * rejected. The other two say why nothing will ever be credited.
 */
export type TransactionOutcome = 'pending' | 'settled' | 'no_qualifying_transfer' | 'transaction_failed'

export interface TransactionView {
  txHash: Hash
  outcome: TransactionOutcome
  deposits: DepositView[]
}

/** What the API asks of the gate about one transaction hash (already checked to be 0x and 64 lower-case hex digits). */
export interface TransactionDesk {
  /**
   * Looks without recording anything: what the ledger knows, else what the RPCs of all configured chains show.
   * `not_found` when no chain knows the hash; `unavailable` when a chain could not be asked and none knew it.
   */
  look(txHash: Hash, chainId?: number): Promise<TransactionLookup>
  /**
   * Records the transaction's deposits and credits those that are due, by the very code the gate runs. Idempotent;
   * concurrent calls for one hash share one verification.
   */
  submit(txHash: Hash, chainId?: number): Promise<TransactionLookup>
}

export type TransactionLookup =
  | { kind: 'found'; transaction: TransactionView }
  | { kind: 'not_found' }
  | { kind: 'unavailable' }

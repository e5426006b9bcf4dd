import type { Quote } from '../pricing/quote.ts'
import type { DepositReason, DepositState } from './schema.ts'

/** What the operator orders: to credit a held deposit as if it had been paid in another block. */
export interface ReleaseOrder {
  depositId: string
  /** The payer's AXGT and the prices are read after this block. */
  atBlock: bigint
  /** Who orders it, for the record. */
  releasedBy: string
  /** Why, for the record. */
  note: string | null
  /** Credits at a price that is farther from the slower TWAP than `AXGT_MAX_DEVIATION_PERCENT`. */
  acceptDeviation: boolean
  /** Only says what it would be worth. */
  dryRun: boolean
}

/** What came of an order. */
export type ReleaseOutcome =
  | { kind: 'released'; quote: Quote; attempt: number }
  /** With `dryRun`: what it would be. */
  | { kind: 'would_release'; quote: Quote }
  | { kind: 'not_found' }
  /** Only a held deposit can be released, and only from a reason that the chain can not end by itself. */
  | { kind: 'not_releasable'; state: DepositState; reason: DepositReason | null }
  /** The block is not there yet, or less deep than a deposit must be. */
  | { kind: 'block_not_deep_enough'; deepestBlock: bigint }
  /** The payment could not be proven, or the state at that block could not be read. */
  | { kind: 'unproven'; detail: string }
  /** There is no usable price at that block either, or the payment is worth too little or too much at it. */
  | { kind: 'unpriced'; detail: string }

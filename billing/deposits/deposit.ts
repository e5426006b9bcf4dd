import type { Address, Hash } from 'viem'
import type { Asset, Rail } from '../config/config.ts'
import type { Quote } from '../pricing/quote.ts'
import type { DepositReason, DepositState } from './schema.ts'

/** What identifies a deposit, whichever block a reorg moves it to (ADR 0004). */
export interface DepositKey {
  chainId: number
  txHash: Hash
  asset: Asset
  payer: Address
}

/** `<chainId>-<txHash>-<asset>-<payer>`, all lower-case: the deposit's id everywhere. It never changes. */
export function depositId({ chainId, txHash, asset, payer }: DepositKey): string {
  return `${chainId}-${txHash}-${asset}-${payer}`.toLowerCase()
}

/** The rail of an asset on a chain. */
export function railOf(asset: Asset, chainId: number): Rail {
  return `${asset}:${chainId}`
}

/** What the gate did, for the log and the metrics. Reported after the commit. */
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
  /** The price of a rail cannot be trusted now; `why` null: it can be trusted again. */
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

/** What to do with a deposit, decided from the chain's own evidence. */
export type Decision =
  /** Everything is proven: credit it. */
  | { kind: 'credit'; deposit: OpenDeposit; amountBaseUnits: bigint; quote: Quote; blockTimestamp: Date }
  /** Proven, and too small on its own. */
  | { kind: 'small'; deposit: OpenDeposit; amountBaseUnits: bigint; quote: Quote; blockTimestamp: Date }
  /** Not now, for a reason that can pass. */
  | {
      kind: 'hold'
      deposit: OpenDeposit
      reason: DepositReason
      detail: string | null
      /** Set where the payment is proven and only its value is not. */
      provenBaseUnits?: bigint
    }
  /** Never, for a reason that cannot pass by itself. */
  | { kind: 'reject'; deposit: OpenDeposit; reason: DepositReason }
  /** The block stands and does not contain this payment. */
  | { kind: 'void'; deposit: OpenDeposit }
  /** The block no longer stands: the transaction must be found again. */
  | { kind: 'lost'; deposit: OpenDeposit }
  /** It cannot be decided yet. */
  | { kind: 'wait'; deposit: OpenDeposit }

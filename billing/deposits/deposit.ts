import type { Address, Hash } from 'viem'
import type { Asset, Rail } from '../config/config.ts'
import type { Quote } from '../pricing/quote.ts'
import type { DepositReason, DepositState, WayToSee } from './schema.ts'

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

/** The asset of a rail. */
export function assetOf(rail: Rail): Asset {
  return rail.slice(0, rail.indexOf(':')) as Asset
}

/**
 * The most that the column for amounts can hold. A lying token can log transfers whose sum exceeds any real supply; one such
 * transaction must not keep other deposits from being recorded.
 */
export const MAX_RECORDED_AMOUNT = 10n ** 78n - 1n

/** An amount as the database can hold it. */
export function recordedAmount(amountBaseUnits: bigint): bigint {
  return amountBaseUnits < MAX_RECORDED_AMOUNT ? amountBaseUnits : MAX_RECORDED_AMOUNT
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
  /** The price of a rail cannot be trusted now; `why` null: it can be trusted again. */
  | { kind: 'price'; rail: Rail; why: string | null }
  | { kind: 'disagreement'; chainId: number; detail: string }
  | { kind: 'problem'; chainId: number; problem: string | null }
  /** What the jobs beside the passes (searches, sweeps, prices) could not do; null: they work. */
  | { kind: 'jobs'; chainId: number; problem: string | null; error: unknown }
  /** ETH came in with a block that holds a transaction which no RPC can trace, beyond all that is recorded of it. */
  | { kind: 'untraced'; chainId: number; txHash: Hash; blockNumber: bigint; missingWei: bigint }
  | { kind: 'passed'; chainId: number; durationMs: number; headNumber: bigint; credited: number }
  | { kind: 'failed'; chainId: number; error: unknown }

/** Under what a payment was seen: only under the same can it be judged. */
export interface SeenUnder {
  wallet: Address
  /** null for ETH. */
  token: Address | null
  by: WayToSee
}

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
  /** The most that any source saw; null: not known for this block. */
  seenBaseUnits: bigint | null
  /** null: not kept. */
  seenUnder: SeenUnder | null
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
      /** Set where the RPCs show another amount than was seen; looks count together only while they say the same. */
      differs?: 'less' | 'more'
    }
  /** The block no longer stands: the transaction must be found again. */
  | { kind: 'lost'; deposit: OpenDeposit }
  /** It cannot be decided yet. */
  | { kind: 'wait'; deposit: OpenDeposit }

/** Groups items by a key and keeps their order. (Map.groupBy needs Node 21.) */
export function groupBy<Item, Key>(items: Iterable<Item>, keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

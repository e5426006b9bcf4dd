import type { Address } from 'viem'
import type { Rail } from '../config/config.ts'
import type { Quote } from './quote.ts'

/** What somebody wants to know the worth of; `wallet` null means nobody in particular: tier 0. */
export interface QuoteRequest {
  rail: Rail
  wallet: Address | null
  /** null: the wallet's minimum, or what `atLeastMicros` costs. */
  amountBaseUnits: bigint | null
  /** Instead of an amount: the least amount, rounded up to a base unit, that yields at least these micros. */
  atLeastMicros: bigint | null
}

/** What comes of asking for a quote; `price_unavailable` passes by itself, and `why` says what to wait for. */
export type QuoteResult =
  | { kind: 'quoted'; quote: Quote }
  | { kind: 'rail_unknown' }
  | { kind: 'price_unavailable'; why: string; retryAfterSeconds: number }
  | { kind: 'amount_too_large' }

/** Says what an amount would be worth if it were paid now. */
export interface Quoter {
  quote(input: QuoteRequest): Promise<QuoteResult>
}

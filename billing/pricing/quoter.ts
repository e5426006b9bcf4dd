import type { Address } from 'viem'
import type { Rail } from '../config/config.ts'
import type { Quote } from './quote.ts'

/** `amountBaseUnits` null means the wallet's minimum; `wallet` null means nobody in particular: tier 0. */
export interface QuoteRequest {
  rail: Rail
  wallet: Address | null
  amountBaseUnits: bigint | null
}

/** What comes of asking for a quote; `price_unavailable` passes by itself. */
export type QuoteResult =
  | { kind: 'quoted'; quote: Quote }
  | { kind: 'rail_unknown' }
  | { kind: 'price_unavailable'; retryAfterSeconds: number }
  | { kind: 'amount_too_large' }

/** Says what an amount would be worth if it were paid now. */
export interface Quoter {
  quote(input: QuoteRequest): Promise<QuoteResult>
}

import type { Address } from 'viem'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Rail } from '../config/config.ts'
import type { GateDeps, GateRail } from '../gate/gateDeps.ts'
import { readLastAccepted } from '../prices/priceHistory.ts'
import { sourceOf } from '../pricing/priceRail.ts'
import { type Quote, quote } from '../pricing/quote.ts'
import { createMarkets, type Market } from './createMarkets.ts'

const RETRY_AFTER_SECONDS = 5

/**
 * Quotes at the newest block, by the very function that credits: a payment in that block is credited as quoted, to the
 * micro. What a deposit is worth is decided at its own block, so a quote is a promise only while the payer's AXGT and the
 * price stay what they are.
 *
 * Anybody may ask, so what a chain is asked does not grow with those who do: see {@link createMarkets}.
 */
export function createQuoter(deps: GateDeps): Quoter {
  const markets = createMarkets(deps)
  return {
    async quote(request): Promise<QuoteResult> {
      const rail = deps.rails.get(request.rail)
      const chain = rail === undefined ? undefined : deps.chains.get(rail.config.chainId)
      if (rail === undefined || chain === undefined) return { kind: 'rail_unknown' }
      const market = await markets.newest(chain)
      if (market === null) return unavailable('the chain can not be read')
      return quoteAt(deps, market, rail, request)
    },
  }
}

async function quoteAt(
  deps: GateDeps,
  market: Market,
  rail: GateRail,
  { wallet, amountBaseUnits, atLeastMicros }: QuoteRequest,
): Promise<QuoteResult> {
  const { asset, chainId } = rail.config
  const source = sourceOf(deps.pricing, asset)
  const [balance, oracle] = await Promise.all([
    wallet === null ? null : market.readAxgtBalance(wallet),
    source === 'fixed' ? null : market.readOracle(),
  ])
  if (balance !== null && balance.kind !== 'agreed') return unavailable(whyNot(balance))
  if (oracle !== null && oracle.kind !== 'agreed') return unavailable(whyNot(oracle))
  const decimals = deps.axgtDecimals.get(chainId)
  const lastAccepted =
    source === 'twap' && oracle !== null
      ? await readLastAccepted(deps.sql, rail.config.rail, oracle.value.block)
      : null
  const outcome = quote({
    pricing: deps.pricing,
    rail: rail.config,
    decimals: rail.decimals,
    wallet,
    amountBaseUnits,
    atLeastMicros,
    axgt: balance === null || decimals === undefined ? null : { balance: balance.value, decimals },
    block: market.head,
    oracle: oracle?.value ?? null,
    lastAccepted,
  })
  return outcome.kind === 'price_unavailable' ? unavailable(outcome.why) : outcome
}

/** In words that name no RPC: this is for everybody. */
function whyNot(read: Exclude<Agreed<unknown>, { kind: 'agreed' }> | { kind: 'busy' }): string {
  if (read.kind === 'busy') return 'too many wallets are asked about at once'
  return read.kind === 'disagreement' ? 'the RPCs do not agree' : 'the chain can not be read'
}

function unavailable(why: string): QuoteResult {
  return { kind: 'price_unavailable', why, retryAfterSeconds: RETRY_AFTER_SECONDS }
}

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

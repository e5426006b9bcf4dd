import type { Address } from 'viem'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Rail } from '../config/config.ts'
import type { GateDeps, GateRail } from '../gate/gateDeps.ts'
import { readAxgtHistory } from '../prices/priceHistory.ts'
import type { AxgtHistory } from '../pricing/axgtHistory.ts'
import type { PriceBlock } from '../pricing/oracleReading.ts'
import { sourceOf } from '../pricing/priceRail.ts'
import { type Quote, quote } from '../pricing/quote.ts'
import { createMarkets, type Market } from './createMarkets.ts'

const RETRY_AFTER_SECONDS = 5

/**
 * Quotes at the newest block, by the function that credits: a payment in that block is credited as quoted, to the micro. A
 * deposit is valued at its own block, so a quote holds only while the payer's AXGT and the price do not change.
 *
 * Anybody may ask, so the load on a chain's RPCs does not grow with the number of callers: see {@link createMarkets}.
 */
export function createQuoter(deps: GateDeps): Quoter {
  const markets = createMarkets(deps)
  const readHistory = rememberHistory(deps)
  return {
    async quote(request): Promise<QuoteResult> {
      const rail = deps.rails.get(request.rail)
      const chain = rail === undefined ? undefined : deps.chains.get(rail.config.chainId)
      if (rail === undefined || chain === undefined) return { kind: 'rail_unknown' }
      const market = await markets.newest(chain)
      if (market === null) return unavailable('the chain cannot be read')
      return quoteAt({ ...deps, readHistory }, market, rail, request)
    },
  }
}

type ReadHistory = (rail: Rail, block: PriceBlock) => Promise<AxgtHistory>

/** What a rail's price is compared with, read once a block however many ask. */
function rememberHistory({ sql }: GateDeps): ReadHistory {
  const kept = new Map<Rail, { hash: string; history: Promise<AxgtHistory> }>()
  return (rail, block) => {
    const known = kept.get(rail)
    if (known?.hash === block.hash) return known.history
    const history = readAxgtHistory(sql, rail, block)
    kept.set(rail, { hash: block.hash, history })
    // A database that was away for a moment is asked again.
    history.catch(() => kept.delete(rail))
    return history
  }
}

async function quoteAt(
  deps: GateDeps & { readHistory: ReadHistory },
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
  const isCompared = source === 'twap' && oracle !== null
  const history = isCompared ? await deps.readHistory(rail.config.rail, oracle.value.block) : null
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
    history,
  })
  return outcome.kind === 'price_unavailable' ? unavailable(outcome.why) : outcome
}

/** In words that name no RPC, since anybody may read them. */
function whyNot(read: Exclude<Agreed<unknown>, { kind: 'agreed' }> | { kind: 'busy' }): string {
  if (read.kind === 'busy') return 'too many wallets are asked about at once'
  return read.kind === 'disagreement' ? 'the RPCs do not agree' : 'the chain cannot be read'
}

function unavailable(why: string): QuoteResult {
  return { kind: 'price_unavailable', why, retryAfterSeconds: RETRY_AFTER_SECONDS }
}

/** The payment to be quoted; `wallet` null means no wallet in particular, and so tier 0. */
export interface QuoteRequest {
  rail: Rail
  wallet: Address | null
  /** null: the wallet's minimum, or what `atLeastMicros` costs. */
  amountBaseUnits: bigint | null
  /** Instead of an amount: asks for the smallest amount, rounded up to a base unit, that yields at least these micros. */
  atLeastMicros: bigint | null
}

/** The answer to a request for a quote; `price_unavailable` passes by itself, and `why` says what to wait for. */
export type QuoteResult =
  | { kind: 'quoted'; quote: Quote }
  | { kind: 'rail_unknown' }
  | { kind: 'price_unavailable'; why: string; retryAfterSeconds: number }
  | { kind: 'amount_too_large' }

/** Says what a payment would be credited as if it were made now. */
export interface Quoter {
  quote(input: QuoteRequest): Promise<QuoteResult>
}

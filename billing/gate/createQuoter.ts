import type { Head } from '../chain/readHead.ts'
import { quote } from '../pricing/quote.ts'
import type { QuoteResult, Quoter } from '../pricing/quoter.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'

/** How long a head serves quotes: a public route must not cost an RPC call for each time it is asked. */
const HEAD_SERVES_MS = 2_000
const RETRY_AFTER_SECONDS = 5

/**
 * Quotes at the newest block, by the very function that credits. What a deposit is worth is decided at its own block, so a
 * quote is a promise only while the payer's AXGT stays what it is.
 */
export function createQuoter(deps: GateDeps): Quoter {
  const heads = new Map<number, { readAt: number; head: Promise<Head | null> }>()

  function newestBlock(chain: GateChain): Promise<Head | null> {
    const now = deps.clock().getTime()
    const cached = heads.get(chain.chainId)
    if (cached !== undefined && Math.abs(now - cached.readAt) < HEAD_SERVES_MS) return cached.head
    const head = chain.reader.readHead().then((reading) => (reading.kind === 'agreed' ? reading.head : null))
    heads.set(chain.chainId, { readAt: now, head })
    return head
  }

  return {
    async quote({ rail: name, wallet, amountBaseUnits }): Promise<QuoteResult> {
      const rail = deps.rails.get(name)
      const chain = rail === undefined ? undefined : deps.chains.get(rail.config.chainId)
      if (rail === undefined || chain === undefined) return { kind: 'rail_unknown' }
      const head = await newestBlock(chain)
      if (head === null) return { kind: 'price_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS }
      const decimals = deps.axgtDecimals.get(chain.chainId)
      const read = wallet === null ? null : await chain.reader.readAxgtBalance(wallet, head.number)
      if (read !== null && read.kind !== 'agreed') {
        return { kind: 'price_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS }
      }
      const axgt = read === null || decimals === undefined ? null : { balance: read.value, decimals }
      return quote({
        pricing: deps.pricing,
        rail: rail.config,
        decimals: rail.decimals,
        wallet,
        amountBaseUnits,
        axgt,
        block: { number: head.number, hash: head.hash },
      })
    },
  }
}

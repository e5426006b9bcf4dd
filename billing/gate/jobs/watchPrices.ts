import { deepestBlock, type Head } from '../../chain/readHead.ts'
import type { Rail } from '../../config/config.ts'
import { type NotedPrice, notePrices, readAxgtHistory } from '../../prices/priceHistory.ts'
import { formatFraction } from '../../pricing/fraction.ts'
import type { OracleReading } from '../../pricing/oracleReading.ts'
import { priceRail, type RailPrice, sourceOf } from '../../pricing/priceRail.ts'
import type { GateChain, GateDeps, GateRail } from '../gateDeps.ts'

/** The longest gap in the history, by the chain's own time. */
const MAX_SECONDS_BETWEEN_PRICES = 300
/** A failing source is not read again sooner, since each read costs requests. */
const MIN_MS_BETWEEN_LOOKS = 60_000

/**
 * Records the price of each rail of a chain every few minutes, at a block deep enough to be credited: for charts, and so
 * that the next AXGT price can be compared with an earlier one even if nobody pays. A fixed rate is recorded when it
 * changes. A rail without a usable price is reported before anybody has paid on it.
 */
export async function watchPrices(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const now = deps.clock().getTime()
  const lastLook = deps.pricesLookedAt.get(chain.chainId)
  if (lastLook !== undefined && Math.abs(now - lastLook.at) < MIN_MS_BETWEEN_LOOKS) return
  const rails = [...deps.rails.values()].filter(({ config }) => config.chainId === chain.chainId)
  const last = await readLast(deps, rails)
  const market = rails.filter(({ config }) => sourceOf(deps.pricing, config.asset) !== 'fixed')
  // Credits record prices too, which can make the history look fresh: after an outage, read until there is a price again.
  const wasUnavailable = lastLook?.anyUnavailable ?? false
  const isDue = market.some(({ config }) => {
    const noted = last.get(config.rail)
    return noted === undefined || Number(head.timestamp) - noted.seconds >= MAX_SECONDS_BETWEEN_PRICES
  })
  const deepest = deepestBlock(head, chain.confirmations)
  const read = (isDue || wasUnavailable) && deepest > 0n ? await chain.reader.readOracle(deepest) : null
  const oracle = read?.kind === 'agreed' ? read.value : null
  const prices: NotedPrice[] = []
  let anyUnavailable = oracle === null && wasUnavailable
  for (const rail of rails) {
    const isMarket = market.includes(rail)
    // An RPC that does not answer is reported elsewhere; it says nothing about the price.
    if (isMarket && oracle === null) continue
    const { priced, why } = await priceAt(deps, rail, oracle)
    if (isMarket) {
      anyUnavailable ||= why !== null
      deps.report({ kind: 'price', rail: rail.config.rail, why })
    }
    if (priced.kind === 'unavailable') continue
    const usdPerUnit = formatFraction(priced.usdPerUnit)
    const { source, reading } = priced
    const noted = last.get(rail.config.rail)
    const isSame = noted?.source === 'fixed' && noted.usdPerUnit === usdPerUnit
    if (source === 'fixed' && isSame) continue
    prices.push({ rail: rail.config.rail, source, usdPerUnit, block: reading?.block ?? head, reading })
  }
  deps.pricesLookedAt.set(chain.chainId, { at: now, anyUnavailable })
  await notePrices(deps.sql, prices)
}

async function priceAt(
  deps: GateDeps,
  { config }: GateRail,
  oracle: OracleReading | null,
): Promise<{ priced: RailPrice; why: string | null }> {
  const { pricing, sql } = deps
  const isCompared = oracle !== null && sourceOf(pricing, config.asset) === 'twap'
  const history = isCompared ? await readAxgtHistory(sql, config.rail, oracle.block) : null
  const given = { pricing, rail: config, oracle, deviation: 'limited' } as const
  // A price too far from one that was credited is refused all the same, but it is what the market says: later ones are
  // compared with it.
  const noted = history && { ...history, creditedBefore: null, creditedAfter: null }
  const creditable = priceRail({ ...given, history })
  return {
    priced: priceRail({ ...given, history: noted }),
    why: creditable.kind === 'unavailable' ? creditable.why : null,
  }
}

interface LastNoted {
  source: string
  usdPerUnit: string
  seconds: number
}

async function readLast(deps: GateDeps, rails: GateRail[]): Promise<Map<Rail, LastNoted>> {
  const rows = await deps.sql<(LastNoted & { rail: Rail })[]>`
    select asked.rail, noted.source, noted."usdPerUnit", noted.seconds
    from unnest(${rails.map(({ config }) => config.rail)}::text[]) as asked (rail)
    cross join lateral (
      select source, trim_scale(usd_per_unit)::text as "usdPerUnit",
        extract(epoch from block_timestamp)::float8 as seconds
      from credits.price where rail = asked.rail
      order by block_timestamp desc nulls last, id desc nulls last limit 1
    ) noted`
  return new Map(rows.map((row) => [row.rail, row]))
}

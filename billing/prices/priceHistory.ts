import type { Rail } from '../config/config.ts'
import type { Sql, Transaction } from '../database/connect.ts'
import type { OracleReading, PriceBlock } from '../pricing/oracleReading.ts'
import type { PriceSource } from '../pricing/priceView.ts'

/** A price as it goes into the history. */
export interface NotedPrice {
  rail: Rail
  source: PriceSource
  usdPerUnit: string
  block: PriceBlock
  reading: OracleReading | null
}

/**
 * Notes prices in the history. Idempotent: `price_is_noted_once_a_block` keeps the first of a rail, block and source, and
 * another would be the same.
 */
export async function notePrices(sql: Sql | Transaction, prices: NotedPrice[]): Promise<void> {
  if (prices.length === 0) return
  const rows = prices.map(({ rail, source, usdPerUnit, block, reading }) => {
    const feed = reading?.ethUsd.kind === 'answered' ? reading.ethUsd : null
    return {
      rail,
      chain_id: rail.split(':')[1] ?? '',
      block_number: block.number.toString(),
      block_hash: block.hash,
      block_timestamp: isoOf(block.timestamp),
      usd_per_unit: usdPerUnit,
      source,
      round_id: feed?.roundId.toString() ?? null,
      feed_updated_at: feed === null ? null : isoOf(feed.updatedAt),
    }
  })
  await sql`
    insert into credits.price
      (rail, chain_id, block_number, block_hash, block_timestamp, usd_per_unit, source, round_id, feed_updated_at)
    select rail, chain_id, block_number, block_hash, block_timestamp, usd_per_unit, source, round_id, feed_updated_at
    from jsonb_to_recordset(${sql.json(rows)}) as row (rail text, chain_id bigint, block_number bigint,
      block_hash text, block_timestamp timestamptz, usd_per_unit numeric, source text, round_id numeric,
      feed_updated_at timestamptz)
    order by rail, block_number
    on conflict (rail, block_hash, source) do nothing`
}

function isoOf(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString()
}

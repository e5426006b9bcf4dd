import type { Rail } from '../config/config.ts'
import { parseDecimal } from '../config/parseDecimal.ts'
import type { Sql, Transaction } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { AcceptedPrice } from '../pricing/axgtUsd.ts'
import type { OracleReading, PriceBlock } from '../pricing/oracleReading.ts'
import type { PriceSource, PriceView } from '../pricing/priceView.ts'

/** A price to record in the history. */
export interface NotedPrice {
  rail: Rail
  source: PriceSource
  usdPerUnit: string
  block: PriceBlock
  reading: OracleReading | null
}

/**
 * Records prices in the history. Idempotent: `price_is_noted_once_a_block` keeps the first of a rail, block and source, and
 * any other would be the same.
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

/**
 * How long an accepted price limits the next one. After a day without one, the slower TWAP has followed the market, and an
 * older price would only shut out a market that really moved.
 */
const ACCEPTED_PRICE_MAX_AGE_SECONDS = 24 * 3_600

/**
 * Reads the last market price of a rail accepted before a block, by the block's number and time. Later callers get the same
 * answer, unless a price was recorded late.
 */
export async function readLastAccepted(
  sql: Sql,
  rail: Rail,
  block: PriceBlock,
): Promise<AcceptedPrice | null> {
  const since = new Date((Number(block.timestamp) - ACCEPTED_PRICE_MAX_AGE_SECONDS) * 1000)
  const [row] = await sql<{ usdPerUnit: string; blockNumber: bigint }[]>`
    select usd_per_unit as "usdPerUnit", block_number as "blockNumber" from credits.price
    where rail = ${rail} and source <> 'fixed' and block_timestamp >= ${since}
      and block_number < ${block.number.toString()}
    order by block_number desc, id desc limit 1`
  if (row === undefined) return null
  const usdPerUnit = parseDecimal(row.usdPerUnit)
  if (usdPerUnit === null) throw new Error(`a noted price of ${rail} is no decimal`)
  return { usdPerUnit, blockNumber: row.blockNumber }
}

/** Prices of a rail by the time of their block: `from` inclusive, `to` exclusive; null means no bound. */
export interface PriceFilter {
  rail: Rail
  from: Date | null
  to: Date | null
}

const MAX_ID = 2n ** 63n - 1n

type Row = Omit<PriceView, 'roundId'> & { id: bigint; roundId: string | null; cursor: string }

/**
 * Lists the price history of a rail, newest first. The key of a page is the block's time in microseconds and the row's id,
 * `<microseconds>:<id>`.
 */
export async function listPrices(
  sql: Sql,
  { rail, from, to }: PriceFilter,
  { cursor, limit }: PageRequest,
): Promise<Page<PriceView>> {
  const after = cursor === null ? null : parseCursor(cursor)
  if (after === 'bad_cursor') return { kind: 'bad_cursor' }
  const rows = await sql<Row[]>`
    select id, rail, trim_scale(usd_per_unit)::text as "usdPerUnit", source, round_id as "roundId",
      feed_updated_at as "updatedAt", block_number as "blockNumber", block_hash as "blockHash",
      block_timestamp as "blockTimestamp",
      (extract(epoch from block_timestamp) * 1000000)::bigint::text || ':' || id as cursor
    from credits.price
    where rail = ${rail}
      ${from === null ? sql`` : sql`and block_timestamp >= ${from}`}
      ${to === null ? sql`` : sql`and block_timestamp < ${to}`}
      ${
        after === null
          ? sql``
          : sql`and (block_timestamp, id) <
              (to_timestamp(0) + ${after.microseconds}::bigint * interval '1 microsecond', ${after.id}::bigint)`
      }
    order by block_timestamp desc nulls last, id desc nulls last
    limit ${limit + 1}`
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    kind: 'page',
    items: items.map(({ id: _id, cursor: _cursor, roundId, ...price }) => ({
      ...price,
      roundId: roundId === null ? null : BigInt(roundId),
    })),
    nextKey: rows.length > limit && last ? last.cursor : null,
  }
}

function parseCursor(cursor: string): { microseconds: string; id: string } | 'bad_cursor' {
  const match = /^(\d{1,16}):([1-9]\d{0,18})$/.exec(cursor)
  if (match?.[1] === undefined || match[2] === undefined) return 'bad_cursor'
  return BigInt(match[2]) > MAX_ID ? 'bad_cursor' : { microseconds: match[1], id: match[2] }
}

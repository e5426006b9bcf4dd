import type { Rail } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { PriceView } from '../pricing/priceView.ts'

/** Prices of a rail by the time of their block: `from` included, `to` excluded, null without a bound. */
export interface PriceFilter {
  rail: Rail
  from: Date | null
  to: Date | null
}

const GREATEST_ID = 2n ** 63n - 1n

type Row = Omit<PriceView, 'roundId'> & { id: bigint; roundId: string | null; cursor: string }

/**
 * Lists the price history of a rail, newest first. The keyset is the block's time in microseconds and the row's id,
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
  return BigInt(match[2]) > GREATEST_ID ? 'bad_cursor' : { microseconds: match[1], id: match[2] }
}

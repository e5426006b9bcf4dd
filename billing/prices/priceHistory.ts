import type { Fraction, Rail } from '../config/config.ts'
import { parseDecimal } from '../config/shapes/numbers.ts'
import type { Sql, Transaction } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import {
  type AxgtHistory,
  DAY_SECONDS,
  isCreditableBeside,
  MAX_NOTES,
  type PastPrice,
  SECONDS_PER_NOTE,
} from '../pricing/axgtHistory.ts'
import { unjudgedAxgtUsd } from '../pricing/axgtUsd.ts'
import type { OracleReading, PriceBlock, PriceSource, PriceView } from '../pricing/oracleReading.ts'
import type { Quote } from '../pricing/quote.ts'

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
 * Reads what an AXGT price of a rail at a block is compared with. Dated by the blocks alone: whoever asks later gets the same
 * notes, unless a price was recorded late. What the operator credited at a price far from the others is not among them:
 * that decision was about one payment.
 *
 * Costs a walk along `price_by_time` over two days of prices, and the credits of two days by
 * `deposit_credit_by_price_time`.
 */
export async function readAxgtHistory(
  sql: Sql | Transaction,
  rail: Rail,
  { timestamp }: Pick<PriceBlock, 'timestamp'>,
): Promise<AxgtHistory> {
  const [notes, credited] = await Promise.all([
    readNotes(sql, rail, timestamp),
    readCreditedBeside(sql, rail, timestamp),
  ])
  return { notes, ...credited }
}

/** More than two days have where hardly anybody pays, so that one page is enough. */
const NOTES_PER_PAGE = 1_000

/** The first price of each stretch of chain time that has one, newest first: as {@link AxgtHistory} says. */
async function readNotes(sql: Sql | Transaction, rail: Rail, timestamp: bigint): Promise<PastPrice[]> {
  const firstOfStretch = new Map<bigint, PastPrice>()
  let before = { seconds: timestamp, id: 0n }
  for (;;) {
    const page = await sql<{ id: bigint; usdPerUnit: string; seconds: bigint }[]>`
      select id, usd_per_unit::text as "usdPerUnit", extract(epoch from block_timestamp)::bigint as seconds
      from credits.price
      where rail = ${rail} and source = 'twap'
        and (block_timestamp, id) < (to_timestamp(${before.seconds.toString()}::bigint), ${before.id.toString()}::bigint)
        and block_hash <> all(array(
          select c.quote->'price'->'reading'->'block'->>'hash'
          from credits.deposit_release r join credits.deposit_credit c using (deposit_id, attempt)
          where r.deviation_accepted))
      order by block_timestamp desc nulls last, id desc nulls last limit ${NOTES_PER_PAGE}`
    for (const { usdPerUnit, seconds } of page) {
      // Of a stretch the last that is seen is the first that was noted.
      firstOfStretch.set(seconds / BigInt(SECONDS_PER_NOTE), {
        usdPerUnit: asFraction(usdPerUnit),
        timestamp: seconds,
      })
    }
    const last = page.at(-1)
    // Of the last stretch of a page, more may come on the next one.
    const isEnough = firstOfStretch.size > MAX_NOTES
    if (last === undefined || page.length < NOTES_PER_PAGE || isEnough) break
    before = last
  }
  return [...firstOfStretch.values()].slice(0, MAX_NOTES)
}

/**
 * The range of the prices of credits that stand, for the day up to a block and the day after it, by the blocks that priced
 * them.
 */
export async function readCreditedBeside(
  sql: Sql | Transaction,
  rail: Rail,
  timestamp: bigint,
): Promise<Pick<AxgtHistory, 'creditedBefore' | 'creditedAfter'>> {
  const at = timestamp.toString()
  const rows = await sql<{ isAfter: boolean; lowest: string; highest: string }[]>`
    select seconds > ${at}::bigint as "isAfter", min(usd)::text as lowest, max(usd)::text as highest
    from (
      select (c.quote->'price'->'reading'->'block'->>'timestamp')::bigint as seconds,
        (c.quote->'price'->>'usdPerUnit')::numeric as usd
      from credits.deposit_credit c
      where c.quote->'price'->>'mode' = 'twap' and c.quote->>'rail' = ${rail} and c.reversal_entry_id is null
        and (c.quote->'price'->'reading'->'block'->>'timestamp')::bigint
          between ${at}::bigint - ${DAY_SECONDS}::bigint and ${at}::bigint + ${DAY_SECONDS}::bigint
        and not exists (select from credits.deposit_release r
          where r.deposit_id = c.deposit_id and r.attempt = c.attempt and r.deviation_accepted)
    ) credited
    group by 1`
  const rangeOf = (wanted: boolean) => {
    const row = rows.find(({ isAfter }) => isAfter === wanted)
    return row === undefined ? null : { lowest: asFraction(row.lowest), highest: asFraction(row.highest) }
  }
  return { creditedBefore: rangeOf(false), creditedAfter: rangeOf(true) }
}

function asFraction(text: string): Fraction {
  const value = parseDecimal(text)
  if (value === null) throw new Error(`a price on record is no decimal: ${text}`)
  return value
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

interface Priced {
  credit: { quote: Quote }
}

/**
 * Keeps the credits whose AXGT price is within the limit of every other credit a day before or after it, by the blocks that
 * priced them. Each was judged so before; but what is credited at the same moment, in one pass or by two processes, was not
 * compared with each other. The lock makes concurrent transactions see each other's credits; it ends with the transaction.
 *
 * The earlier price wins. Credits at other prices are kept; the order stays as given.
 */
export async function splitByPrice<C extends Priced>(
  tx: Transaction,
  credits: C[],
  limitPercent: Fraction,
): Promise<{ within: C[]; far: C[] }> {
  const priced = credits.flatMap((one) => {
    const price = axgtPriceOf(one.credit.quote)
    return price === null ? [] : [{ one, ...price }]
  })
  if (priced.length === 0) return { within: credits, far: [] }
  await tx`select pg_advisory_xact_lock(hashtext('credits.axgt_price'))`
  priced.sort((a, b) => Number(a.timestamp - b.timestamp))
  const accepted: typeof priced = []
  const far = new Set<C>()
  for (const candidate of priced) {
    const { one, rail, usdPerUnit, timestamp } = candidate
    const stored = await readCreditedBeside(tx, rail, timestamp)
    const beside = accepted.filter(
      (other) => other.rail === rail && timestamp - other.timestamp <= BigInt(DAY_SECONDS),
    )
    const isNear =
      isCreditableBeside(usdPerUnit, stored, limitPercent) &&
      beside.every((other) => {
        const range = { lowest: other.usdPerUnit, highest: other.usdPerUnit }
        return isCreditableBeside(usdPerUnit, { creditedBefore: range, creditedAfter: null }, limitPercent)
      })
    if (isNear) accepted.push(candidate)
    else far.add(one)
  }
  return { within: credits.filter((one) => !far.has(one)), far: [...far] }
}

/** The price at the TWAP that a quote is given by; null where it is another kind of price. */
function axgtPriceOf({ rail, price }: Quote): (PastPrice & { rail: Rail }) | null {
  if (price.mode !== 'twap' || price.reading === null) return null
  return { rail, usdPerUnit: unjudgedAxgtUsd(price.reading), timestamp: price.reading.block.timestamp }
}

import type { Fraction } from '../config/config.ts'
import { isOutOfRange, type Sql, type Transaction } from '../database/connect.ts'
import { insertDepositCredited } from '../events/outbox.ts'
import { type NewEntry, postEntries } from '../ledger/post.ts'
import { type MeterLimits, refillGrace, settleGrace } from '../metering/meterSessions.ts'
import { type NotedPrice, notePrices, splitByPrice } from '../prices/priceHistory.ts'
import type { Quote } from '../pricing/quote.ts'
import { quoteToJson } from '../pricing/quoteJson.ts'
import type { Decision, GateEvent } from './deposit.ts'
import type { DepositReason } from './schema.ts'

type Credit = Extract<Decision, { kind: 'credit' }>

/** The result of crediting. */
export interface CreditOutcome {
  /** One for each deposit credited now. */
  events: Extract<GateEvent, { kind: 'credited' }>[]
  /** The payer's balance cannot hold them. */
  tooLarge: Credit[]
  /** They exceed what may be credited through AXGT in a day. */
  overCap: Credit[]
  /** Their AXGT price is too far from one credited meanwhile, within a day of theirs. */
  tooFar: Credit[]
}

export interface CreditLimits {
  /** The chain's finalized block: a credit at or below it is not watched. */
  finalizedNumber: bigint
  /** What the payers' sessions are metered by. */
  meter: MeterLimits
  /** The most that may be credited through AXGT in a UTC day; null: no limit. */
  axgtDailyCapMicros: bigint | null
  /** How far an AXGT price at the TWAP may be from others credited within a day of it; null: any price. */
  axgtMaxDeviationPercent: Fraction | null
}

/** An operator's release, stored with the credit it explains. The daily cap does not apply to it. */
export interface Release {
  reason: DepositReason
  detail: string | null
  atBlock: { number: bigint; hash: string }
  deviationAccepted: boolean
  releasedBy: string
  note: string | null
}

/**
 * Credits deposits: claims each deposit, posts its entry, keeps its quote and writes its event, all in one database
 * transaction. This is where money appears.
 *
 * At most once, whatever restarts or races: a deposit's row is locked and must still be creditable at the block that was
 * proven; `deposit_credit_stands_at_most_once` allows each deposit one credit that is not reversed, and the entry's
 * reference `deposit:<id>:<attempt>` is unique in the ledger.
 */
export async function creditDeposits(
  sql: Sql,
  credits: Credit[],
  limits: CreditLimits,
): Promise<CreditOutcome> {
  if (credits.length === 0) return { events: [], tooLarge: [], overCap: [], tooFar: [] }
  try {
    return await sql.begin((tx) => creditInTransaction(tx, credits, limits))
  } catch (error) {
    if (!isOutOfRange(error)) throw error
    if (credits.length === 1) return { events: [], tooLarge: credits, overCap: [], tooFar: [] }
    // One of them exceeds what a balance can hold: credit them one by one to find out which.
    const outcomes = []
    for (const credit of credits) outcomes.push(await creditDeposits(sql, [credit], limits))
    return {
      events: outcomes.flatMap(({ events }) => events),
      tooLarge: outcomes.flatMap(({ tooLarge }) => tooLarge),
      overCap: outcomes.flatMap(({ overCap }) => overCap),
      tooFar: outcomes.flatMap(({ tooFar }) => tooFar),
    }
  }
}

/**
 * Credits one deposit that the operator released. Null when it is no longer held, the balance cannot hold it, or a price far
 * from its own was credited meanwhile.
 *
 * At most once, by the same constraints as {@link creditDeposits}; the release is written in the same transaction.
 */
export async function creditReleased(
  sql: Sql,
  credit: Credit,
  { release, ...limits }: { release: Release } & Omit<CreditLimits, 'axgtDailyCapMicros'>,
): Promise<CreditOutcome['events'][number] | null> {
  try {
    const { events } = await sql.begin(async (tx) => {
      const axgtMaxDeviationPercent = release.deviationAccepted ? null : limits.axgtMaxDeviationPercent
      const outcome = await creditInTransaction(
        tx,
        [credit],
        { ...limits, axgtMaxDeviationPercent, axgtDailyCapMicros: null },
        release,
      )
      for (const { depositId, attempt } of outcome.events) await storeRelease(tx, depositId, attempt, release)
      return outcome
    })
    return events[0] ?? null
  } catch (error) {
    if (isOutOfRange(error)) return null
    throw error
  }
}

async function creditInTransaction(
  tx: Transaction,
  credits: Credit[],
  { finalizedNumber, meter, axgtDailyCapMicros, axgtMaxDeviationPercent }: CreditLimits,
  release?: Release,
): Promise<CreditOutcome> {
  const claimed = await claim(tx, credits)
  const { within: near, far } =
    axgtMaxDeviationPercent === null
      ? { within: claimed, far: [] }
      : await splitByPrice(tx, claimed, axgtMaxDeviationPercent)
  const { within, over } = await splitByCap(tx, near, axgtDailyCapMicros)
  const postings = within.map(({ credit, attempt }) => ({
    credit,
    attempt,
    reference: `deposit:${credit.deposit.id}:${attempt}`,
    quote: quoteToJson(credit.quote),
  }))
  // A second credit after a reversal is not another deposit.
  const refilling = postings
    .filter(({ attempt }) => attempt === 1)
    .map(({ credit: { deposit } }) => ({ depositId: deposit.id, account: deposit.payer }))
  await settleGrace(
    tx,
    meter,
    refilling.map(({ account }) => account),
  )
  const posted = await postEntries(
    tx,
    postings.map(
      ({ credit, attempt, reference }): NewEntry => ({
        account: credit.deposit.payer,
        kind: 'deposit',
        micros: credit.quote.creditMicros,
        reference,
        details: {
          depositId: credit.deposit.id,
          attempt,
          rail: credit.deposit.rail,
          txHash: credit.deposit.txHash,
          amountBaseUnits: credit.amountBaseUnits.toString(),
          ...(release ? { releasedAtBlock: release.atBlock.number.toString() } : {}),
        },
        eventAt: credit.blockTimestamp,
      }),
    ),
  )
  const entryIds = new Map(posted.map(({ id, reference }) => [reference, id]))
  const rows = postings.map(({ credit, attempt, reference, quote }) => ({
    id: credit.deposit.id,
    attempt,
    entry_id: String(entryIds.get(reference)),
    amount: credit.amountBaseUnits.toString(),
    micros: credit.quote.creditMicros.toString(),
    quote: quote as never,
    block_number: credit.deposit.blockNumber.toString(),
    block_hash: credit.deposit.blockHash,
    block_timestamp: credit.blockTimestamp.toISOString(),
    final: credit.deposit.blockNumber <= finalizedNumber,
  }))
  if (rows.length > 0) await storeCredits(tx, rows)
  await refillGrace(tx, refilling)
  await notePrices(
    tx,
    postings.flatMap(({ credit }) => priceUsed(credit.quote)),
  )
  const events = postings.map(({ credit, attempt }) => ({
    kind: 'credited' as const,
    depositId: credit.deposit.id,
    rail: credit.deposit.rail,
    payer: credit.deposit.payer,
    amountBaseUnits: credit.amountBaseUnits,
    micros: credit.quote.creditMicros,
    blockNumber: credit.deposit.blockNumber,
    attempt,
  }))
  return {
    events,
    tooLarge: [],
    overCap: over.map(({ credit }) => credit),
    tooFar: far.map(({ credit }) => credit),
  }
}

/** A market price that a credit used belongs in the history; a fixed price has been there since it was set. */
function priceUsed({ rail, price: { mode, usdPerUnit, reading } }: Quote): NotedPrice[] {
  if (reading === null || usdPerUnit === null) return []
  return [{ rail, source: mode, usdPerUnit, block: reading.block, reading }]
}

/**
 * Keeps what fits under the day's cap on AXGT, in the order given (by block); the day is the database's. The lock makes
 * concurrent transactions count each other's credits.
 */
async function splitByCap(
  tx: Transaction,
  claimed: Claimed[],
  capMicros: bigint | null,
): Promise<{ within: Claimed[]; over: Claimed[] }> {
  const isAxgt = ({ credit }: Claimed) => credit.deposit.rail.startsWith('axgt:')
  if (capMicros === null || !claimed.some(isAxgt)) return { within: claimed, over: [] }
  await tx`select pg_advisory_xact_lock(hashtext('credits.axgt_daily_cap'))`
  const [today] = await tx<{ micros: string }[]>`
    select coalesce(sum(c.micros), 0)::text as micros
    from credits.deposit_credit c join credits.deposit d on d.id = c.deposit_id
    where c.created_at >= date_trunc('day', now() at time zone 'utc') at time zone 'utc'
      and c.reversal_entry_id is null and d.rail like 'axgt:%'`
  let left = capMicros - BigInt(today?.micros ?? 0)
  const within: Claimed[] = []
  const over: Claimed[] = []
  for (const one of claimed) {
    const micros = isAxgt(one) ? one.credit.quote.creditMicros : 0n
    if (isAxgt(one) && micros > left) over.push(one)
    else {
      within.push(one)
      left -= micros
    }
  }
  return { within, over }
}

async function storeRelease(
  tx: Transaction,
  depositId: string,
  attempt: number,
  release: Release,
): Promise<void> {
  await tx`
    insert into credits.deposit_release
      (deposit_id, attempt, reason, detail, at_block_number, at_block_hash, deviation_accepted, released_by, note)
    values (${depositId}, ${attempt}, ${release.reason}, ${release.detail}, ${release.atBlock.number.toString()},
      ${release.atBlock.hash}, ${release.deviationAccepted}, ${release.releasedBy}, ${release.note})`
}

interface Claimed {
  credit: Credit
  attempt: number
}

/** Locks the deposits in sorted order and keeps those that can still be credited at the block that was proven. */
async function claim(tx: Transaction, credits: Credit[]): Promise<Claimed[]> {
  const ids = credits.map(({ deposit }) => deposit.id)
  const open = await tx<{ id: string; attempt: number; blockHash: string }[]>`
    select id, attempt, block_hash as "blockHash" from credits.deposit
    where id = any(${ids}::text[]) and state in ('pending', 'held')
    order by id for update`
  const byId = new Map(open.map((row) => [row.id, row]))
  return credits.flatMap((credit) => {
    const row = byId.get(credit.deposit.id)
    if (row === undefined || row.blockHash !== credit.deposit.blockHash) return []
    return [{ credit, attempt: row.attempt + 1 }]
  })
}

async function storeCredits(tx: Transaction, rows: Record<string, unknown>[]): Promise<void> {
  const stored = await tx`
    with credit as (
      select * from jsonb_to_recordset(${tx.json(rows as never)}) as row (
        id text, attempt int, entry_id bigint, amount numeric, micros bigint, quote jsonb, block_number bigint,
        block_hash text, block_timestamp timestamptz, final boolean)
    ), kept as (
      insert into credits.deposit_credit
        (deposit_id, attempt, entry_id, amount_base_units, micros, quote, block_number, block_hash)
      select id, attempt, entry_id, amount, micros, quote, block_number, block_hash from credit
    ), credited as (
      update credits.deposit d
      set state = 'credited', reason = null, detail = null, retry_at = null, failures = 0,
        credit_micros = credit.micros, amount_base_units = credit.amount, attempt = credit.attempt,
        block_timestamp = credit.block_timestamp, final = credit.final, credited_at = now(), updated_at = now()
      from credit where d.id = credit.id
      returning d.id, d.payer, d.rail, d.tx_hash, d.amount_base_units, d.credit_micros, d.attempt
    )
    ${insertDepositCredited(tx, tx`credited`)}`
  if (stored.length !== rows.length) throw new Error('a claimed deposit vanished while it was credited')
}

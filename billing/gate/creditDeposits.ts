import type { Sql, Transaction } from '../database/connect.ts'
import { type NewEntry, postEntries } from '../ledger/post.ts'
import { quoteToJson } from '../pricing/quoteJson.ts'
import type { GateEvent } from './gateDeps.ts'
import type { Decision } from './planDeposit.ts'

type Credit = Extract<Decision, { kind: 'credit' }>

/** What came of crediting: those that were credited now, and those whose balance can not hold them. */
export interface CreditOutcome {
  events: Extract<GateEvent, { kind: 'credited' }>[]
  tooLarge: Credit[]
}

/**
 * Credits deposits: claims each deposit, posts its entry, keeps its quote and writes its event, all in one database
 * transaction. This is where money appears.
 *
 * At most once, whatever restarts or races: a deposit's row is locked and must still be creditable at the very block that
 * was proven; `deposit_credit_stands_at_most_once` admits one credit that is not reversed per deposit, and the entry's
 * reference `deposit:<id>:<attempt>` is unique in the ledger.
 */
export async function creditDeposits(
  sql: Sql,
  credits: Credit[],
  finalizedNumber: bigint,
): Promise<CreditOutcome> {
  if (credits.length === 0) return { events: [], tooLarge: [] }
  try {
    return {
      events: await sql.begin((tx) => creditInTransaction(tx, credits, finalizedNumber)),
      tooLarge: [],
    }
  } catch (error) {
    if (!isOutOfRange(error)) throw error
    if (credits.length === 1) return { events: [], tooLarge: credits }
    // One of them is more than a balance can hold: find out which, and credit the others.
    const outcomes = []
    for (const credit of credits) outcomes.push(await creditDeposits(sql, [credit], finalizedNumber))
    return {
      events: outcomes.flatMap(({ events }) => events),
      tooLarge: outcomes.flatMap(({ tooLarge }) => tooLarge),
    }
  }
}

/** numeric_value_out_of_range: the balance would leave bigint. */
function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22003'
}

async function creditInTransaction(
  tx: Transaction,
  credits: Credit[],
  finalizedNumber: bigint,
): Promise<CreditOutcome['events']> {
  const claimed = await claim(tx, credits)
  const postings = claimed.map(({ credit, attempt }) => ({
    credit,
    attempt,
    reference: `deposit:${credit.deposit.id}:${attempt}`,
    quote: quoteToJson(credit.quote),
  }))
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
  return postings.map(({ credit, attempt }) => ({
    kind: 'credited',
    depositId: credit.deposit.id,
    rail: credit.deposit.rail,
    payer: credit.deposit.payer,
    amountBaseUnits: credit.amountBaseUnits,
    micros: credit.quote.creditMicros,
    blockNumber: credit.deposit.blockNumber,
    attempt,
  }))
}

/** Locks the deposits in sorted order and keeps those still to be credited, at the block that was proven. */
async function claim(tx: Transaction, credits: Credit[]): Promise<{ credit: Credit; attempt: number }[]> {
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
    ), told as (
      insert into credits.outbox_event (kind, account, payload)
      select 'deposit.credited', d.payer, jsonb_build_object(
        'id', d.id, 'rail', d.rail, 'txHash', d.tx_hash, 'payer', d.payer, 'amountBaseUnits', credit.amount::text,
        'creditMicros', credit.micros::text, 'attempt', credit.attempt)
      from credit join credits.deposit d on d.id = credit.id
    )
    update credits.deposit d
    set state = 'credited', reason = null, retry_at = null, failures = 0, credit_micros = credit.micros,
      amount_base_units = credit.amount, attempt = credit.attempt, block_timestamp = credit.block_timestamp,
      final = credit.final, credited_at = now(), updated_at = now()
    from credit where d.id = credit.id
    returning d.id`
  if (stored.length !== rows.length) throw new Error('a claimed deposit vanished while it was credited')
}

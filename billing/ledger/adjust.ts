import postgres from 'postgres'
import type { Address } from 'viem'
import type { Sql, Transaction } from '../database/connect.ts'
import type { LedgerEntryView } from './listEntries.ts'
import { postEntries } from './post.ts'

/** PostgreSQL's numeric_value_out_of_range: the balance, or the amount itself, does not fit into a bigint. */
const OUT_OF_RANGE = '22003'

/** `idempotencyKey` is 1…255 visible ASCII characters, `micros` not zero, `reason` 1…500 characters without NUL. */
export interface AdjustInput {
  wallet: Address
  micros: bigint
  reason: string
  idempotencyKey: string
}

/**
 * `posted` the first time, `repeated` for the same key with the same wallet, micros and reason. Both return the entry and
 * the balance *right after that entry*, so a repetition gets the same answer.
 */
export type AdjustResult =
  | { kind: 'posted' | 'repeated'; entry: LedgerEntryView; balanceMicros: bigint }
  | { kind: 'conflict' }
  | { kind: 'would_overflow' }

/**
 * Raises or lowers an account on the operator's behalf, at most once per idempotency key.
 *
 * The key is locked before it is looked up, so the second of two simultaneous equal requests waits and answers `repeated`
 * with the first one's entry and the balance right after it. The same key with another wallet, amount or reason is a
 * `conflict`; a balance that would leave the range of a bigint is `would_overflow`. Neither posts anything.
 */
export async function adjust(sql: Sql, input: AdjustInput): Promise<AdjustResult> {
  try {
    return await sql.begin((tx) => adjustOnce(tx, input))
  } catch (error) {
    if (error instanceof postgres.PostgresError && error.code === OUT_OF_RANGE)
      return { kind: 'would_overflow' }
    throw error
  }
}

async function adjustOnce(tx: Transaction, input: AdjustInput): Promise<AdjustResult> {
  const { wallet, micros, reason, idempotencyKey } = input
  const reference = `adjustment:${idempotencyKey}`
  // The table's primary key alone would suffice, but then the second of two racing requests would fail instead of answering.
  await tx`select pg_advisory_xact_lock(hashtextextended(${reference}, 0))`
  const [earlier] = await tx<{ account: string; micros: bigint; reason: string; entryId: bigint }[]>`
    select account, micros, reason, entry_id as "entryId"
    from credits.adjustment where idempotency_key = ${idempotencyKey}`
  if (earlier !== undefined) {
    const same = earlier.account === wallet && earlier.micros === micros && earlier.reason === reason
    return same
      ? { kind: 'repeated', ...(await entryAndBalance(tx, wallet, earlier.entryId)) }
      : { kind: 'conflict' }
  }
  const [now] = await tx<{ now: Date }[]>`select clock_timestamp() as now`
  if (now === undefined) throw new Error('the database gave no time')
  const details = { reason }
  const [posted] = await postEntries(tx, [
    { account: wallet, kind: 'adjustment', micros, reference, details, eventAt: now.now },
  ])
  if (posted === undefined) throw new Error(`no entry was posted for ${reference}`)
  await tx`
    insert into credits.adjustment (idempotency_key, account, micros, reason, entry_id)
    values (${idempotencyKey}, ${wallet}, ${micros}, ${reason}, ${posted.id})`
  return { kind: 'posted', ...(await entryAndBalance(tx, wallet, posted.id)) }
}

/** The entry and the balance right after it: entries of one account get their ids in the order in which they are posted. */
async function entryAndBalance(
  tx: Transaction,
  account: Address,
  entryId: bigint,
): Promise<{ entry: LedgerEntryView; balanceMicros: bigint }> {
  const [entry] = await tx<LedgerEntryView[]>`
    select id, kind, micros, reference, reverses_entry_id as "reversesEntryId", details,
      event_at as "eventAt", created_at as "createdAt"
    from credits.ledger_entry where id = ${entryId}`
  const [balance] = await tx<{ micros: bigint }[]>`
    select sum(micros)::bigint as micros from credits.ledger_entry where account = ${account} and id <= ${entryId}`
  if (entry === undefined || balance === undefined) throw new Error(`ledger entry ${entryId} is gone`)
  return { entry, balanceMicros: balance.micros }
}

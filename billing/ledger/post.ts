import type { Address } from 'viem'
import type { Sql, Transaction } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { EntryKind } from './schema.ts'

/** An entry to post. */
export interface NewEntry {
  /** Lower-case wallet address; its account is opened if there is none. */
  account: string
  kind: EntryKind
  /** Signed, not zero. */
  micros: bigint
  /** Names what the entry is for; unique in the ledger, so each posting happens at most once. */
  reference: string
  reversesEntryId?: bigint
  /** Stored as JSON with the entry; bigints must already be decimal strings. */
  details?: Record<string, unknown>
  eventAt: Date
}

/** An entry as it stands in the ledger. */
export interface PostedEntry {
  id: bigint
  reference: string
}

/**
 * Posts entries: the only INSERT into the ledger. Must run in the same transaction as the change it accounts for.
 *
 * Accounts are locked in sorted order before anything is written, so two postings cannot deadlock. A database trigger
 * updates the balances. A `reference` already in the ledger throws a unique violation (23505) and a balance beyond bigint
 * a range error (22003); either way the whole transaction is rolled back.
 */
export async function postEntries(tx: Transaction, entries: NewEntry[]): Promise<PostedEntry[]> {
  if (entries.length === 0) return []
  await lockAccounts(
    tx,
    entries.map((entry) => entry.account),
  )
  const rows = entries.map((entry) => ({
    account: entry.account,
    kind: entry.kind,
    micros: entry.micros.toString(),
    reference: entry.reference,
    reverses_entry_id: entry.reversesEntryId?.toString() ?? null,
    details: (entry.details ?? {}) as never,
    event_at: entry.eventAt.toISOString(),
  }))
  return tx<PostedEntry[]>`
    insert into credits.ledger_entry (account, kind, micros, reference, reverses_entry_id, details, event_at)
    select account, kind, micros, reference, reverses_entry_id, details, event_at
    from jsonb_to_recordset(${tx.json(rows)}) as entry (
      account text, kind text, micros bigint, reference text, reverses_entry_id bigint, details jsonb, event_at timestamptz
    )
    returning id, reference`
}

/**
 * Opens accounts that are not there yet and locks them all, in sorted order, until the transaction ends. Whoever locks
 * accounts and meters in one transaction locks the accounts first.
 */
export async function lockAccounts(tx: Transaction, addresses: readonly string[]): Promise<void> {
  const accounts = [...new Set(addresses)].sort()
  await tx`
    insert into credits.account (address)
    select address from unnest(${accounts}::text[]) as address order by address
    on conflict do nothing`
  await tx`select 1 from credits.account where address = any(${accounts}::text[]) order by address for update`
}

const MAX_ID = 2n ** 63n - 1n

/**
 * Lists an account's entries, newest first. The key of a page is the entry's id, which only grows within an account because
 * a posting locks the account first: pages never shift or repeat an entry, however many are posted meanwhile.
 */
export async function listEntries(
  sql: Sql,
  address: Address,
  { cursor, limit }: PageRequest,
): Promise<Page<LedgerEntryView>> {
  if (cursor !== null && !/^[1-9]\d{0,18}$/.test(cursor)) return { kind: 'bad_cursor' }
  const before = cursor === null ? null : BigInt(cursor)
  if (before !== null && before > MAX_ID) return { kind: 'bad_cursor' }
  const rows = await sql<LedgerEntryView[]>`
    select id, kind, micros, reference, reverses_entry_id as "reversesEntryId", details,
      event_at as "eventAt", created_at as "createdAt"
    from credits.ledger_entry
    where account = ${address} ${before === null ? sql`` : sql`and id < ${before}`}
    order by id desc
    limit ${limit + 1}`
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { kind: 'page', items, nextKey: rows.length > limit && last ? last.id.toString() : null }
}

/** One posting as callers see it. `micros` is signed: a credit raises, a debit lowers. */
export interface LedgerEntryView {
  id: bigint
  kind: EntryKind
  micros: bigint
  reference: string
  reversesEntryId: bigint | null
  /** The posting's details (a quote, a reason): JSON in which bigints already are decimal strings. */
  details: Record<string, unknown>
  /** When it happened (a block's time), as opposed to when it was written. */
  eventAt: Date
  createdAt: Date
}

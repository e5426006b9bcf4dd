import type { Transaction } from '../database/connect.ts'
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

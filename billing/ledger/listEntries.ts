import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { EntryKind } from './schema.ts'

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

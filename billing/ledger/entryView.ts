import type { EntryKind } from './schema.ts'

/** One posting as callers see it. `micros` is signed: a credit raises, a debit lowers. */
export interface LedgerEntryView {
  id: bigint
  kind: EntryKind
  micros: bigint
  reference: string
  reversesEntryId: bigint | null
  /** The posting's own details (a quote, a reason): JSON in which bigints already are decimal strings. */
  details: Record<string, unknown>
  /** When it happened in the world (a block's time), as against when it was written. */
  eventAt: Date
  createdAt: Date
}

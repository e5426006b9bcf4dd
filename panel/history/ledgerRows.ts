import type { LedgerEntry } from '../api/apiTypes.ts'
import type { CsvRows } from './csvRows.ts'

const HEADER = ['id', 'kind', 'minutes', 'micros', 'reference', 'reversesEntryId', 'eventAt', 'createdAt']

/** Entries of the ledger as rows of a file; columns are named as by the service, minutes are signed. */
export function ledgerRows(entries: LedgerEntry[]): CsvRows {
  const rows = entries.map((entry) => [
    entry.id,
    entry.kind,
    entry.minutes,
    entry.micros,
    entry.reference,
    entry.reversesEntryId,
    entry.eventAt,
    entry.createdAt,
  ])
  return [HEADER, ...rows]
}

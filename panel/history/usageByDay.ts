import type { LedgerEntry } from '../api/apiTypes.ts'
import { dayOf } from '../format.ts'

/** What was used on one day, by this device's calendar. */
export interface DayOfUsage {
  /** `2025-01-31`. */
  day: string
  desktopMicros: bigint
  storageMicros: bigint
}

/**
 * Adds up usage by day, the newest last. Days without usage are included with 0, so that a chart has no gaps.
 *
 * @param entries the ledger's, in any order; entries that are not usage, or too old, are ignored
 * @param lastDay any moment of the newest day
 */
export function usageByDay(entries: Iterable<LedgerEntry>, lastDay: Date, days: number): DayOfUsage[] {
  const table = new Map<string, DayOfUsage>()
  for (let back = days - 1; back >= 0; back -= 1) {
    const day = dayOf(new Date(lastDay.getFullYear(), lastDay.getMonth(), lastDay.getDate() - back))
    table.set(day, { day, desktopMicros: 0n, storageMicros: 0n })
  }
  for (const { kind, micros, eventAt } of entries) {
    const row = table.get(dayOf(new Date(eventAt)))
    if (row === undefined) continue
    if (kind === 'usage') row.desktopMicros -= BigInt(micros)
    if (kind === 'storage') row.storageMicros -= BigInt(micros)
  }
  return [...table.values()]
}

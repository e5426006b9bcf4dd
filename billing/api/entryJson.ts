import { z } from '@hono/zod-openapi'
import type { LedgerEntryView } from '../ledger/entryView.ts'
import { entryKinds } from '../ledger/schema.ts'
import { bigintText } from './bigintText.ts'
import { formatMinutes } from './json/amounts.ts'
import { minutesText } from './minutesText.ts'

/** The schema of a ledger entry. */
export const EntrySchema = z
  .strictObject({
    id: bigintText,
    kind: z.enum(entryKinds),
    micros: bigintText.openapi({ description: 'Signed: a credit raises, a debit lowers the balance.' }),
    minutes: minutesText,
    reference: z.string(),
    reversesEntryId: bigintText.nullable(),
    details: z.record(z.string(), z.unknown()),
    eventAt: z.iso.datetime().openapi({ description: 'When it happened, for example the time of a block.' }),
    createdAt: z.iso.datetime().openapi({ description: 'When it was posted.' }),
  })
  .openapi('LedgerEntry')

/** A ledger entry as JSON. */
export function entryJson(entry: LedgerEntryView) {
  return {
    id: entry.id.toString(),
    kind: entry.kind,
    micros: entry.micros.toString(),
    minutes: formatMinutes(entry.micros),
    reference: entry.reference,
    reversesEntryId: entry.reversesEntryId?.toString() ?? null,
    details: entry.details,
    eventAt: entry.eventAt.toISOString(),
    createdAt: entry.createdAt.toISOString(),
  } satisfies z.input<typeof EntrySchema>
}

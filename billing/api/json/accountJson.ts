import { z } from '@hono/zod-openapi'
import type { LedgerEntryView } from '../../ledger/listEntries.ts'
import { entryKinds } from '../../ledger/schema.ts'
import type { AccountView } from '../../metering/readAccount.ts'
import type { VolumeState, VolumeView } from '../../metering/volumes.ts'
import { bigintText, formatMinutes, minutesText } from './amounts.ts'

/** The schema of an account's balance. */
export const BalanceSchema = z
  .strictObject({
    address: z.string(),
    balanceMicros: bigintText.openapi({
      description: 'Of this moment. Negative after a reversal of credit already spent, or by stored volumes.',
    }),
    balanceMinutes: minutesText,
    burnMicrosPerMinute: bigintText.openapi({ description: 'What all running sessions burn together.' }),
    runsOutAt: z.iso.datetime().nullable().openapi({ description: 'null while nothing burns.' }),
    low: z
      .boolean()
      .openapi({ description: 'No more is left than the warning threshold at the present burn.' }),
    graceRemainingSeconds: z.int().nullable().openapi({
      description:
        'How long its sessions may run on unbilled, at the GPUs that run now; null while none is in grace.',
    }),
  })
  .openapi('Balance')

/** An account's balance as JSON. */
export function balanceJson(account: AccountView): z.input<typeof BalanceSchema> {
  return {
    address: account.address,
    balanceMicros: account.balanceMicros.toString(),
    balanceMinutes: formatMinutes(account.balanceMicros),
    burnMicrosPerMinute: account.burnMicrosPerMinute.toString(),
    runsOutAt: account.runsOutAt?.toISOString() ?? null,
    low: account.low,
    graceRemainingSeconds: account.graceRemainingSeconds,
  }
}

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

const volumeStates = ['active', 'warned', 'prune_due'] as const satisfies VolumeState[]

/** The schema of a stored volume. */
export const VolumeSchema = z
  .strictObject({
    id: z.string(),
    wallet: z.string().openapi({ description: 'Whose credit it burns while nothing of theirs runs.' }),
    sizeBytes: bigintText,
    state: z.enum(volumeStates).openapi({
      description:
        'By the balance of the wallet: `warned` from half the debt limit on, `prune_due` at the limit: time to delete it.',
    }),
    billedMicros: bigintText.openapi({ description: 'What it has cost so far.' }),
    billedMinutes: minutesText,
  })
  .openapi('Volume')

/** A stored volume as JSON. */
export function volumeJson(volume: VolumeView): z.input<typeof VolumeSchema> {
  return {
    id: volume.id,
    wallet: volume.account,
    sizeBytes: volume.sizeBytes.toString(),
    state: volume.state,
    billedMicros: volume.totalBilledMicros.toString(),
    billedMinutes: formatMinutes(volume.totalBilledMicros),
  }
}

import { z } from '@hono/zod-openapi'
import type { VolumeState, VolumeView } from '../storage/volumeView.ts'
import { bigintText } from './bigintText.ts'
import { formatMinutes } from './json/amounts.ts'
import { minutesText } from './minutesText.ts'

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

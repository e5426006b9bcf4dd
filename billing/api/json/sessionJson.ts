import { z } from '@hono/zod-openapi'
import { sessionEndReasons, sessionStates } from '../../metering/schema.ts'
import type { SessionView } from '../../sessions/sessionView.ts'
import { bigintText } from '../bigintText.ts'
import { minutesText } from '../minutesText.ts'
import { formatMinutes } from './amounts.ts'

/** The schema of a session as it was last metered. */
export const SessionSchema = z
  .strictObject({
    id: z.string(),
    wallet: z.string().openapi({ description: 'Whose credit it burns.' }),
    profile: z.string(),
    gpus: z.int(),
    state: z.enum(sessionStates).openapi({ description: '`grace`: it runs on at zero balance, unbilled.' }),
    endReason: z.enum(sessionEndReasons).nullable(),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    totalBilledMicros: bigintText.openapi({ description: 'What it has cost up to its last heartbeat.' }),
    totalBilledMinutes: minutesText,
  })
  .openapi('Session')

/** A session as JSON. */
export function sessionJson(session: SessionView): z.input<typeof SessionSchema> {
  return {
    id: session.id,
    wallet: session.account,
    profile: session.profile,
    gpus: session.gpus,
    state: session.state,
    endReason: session.endReason,
    startedAt: session.startedAt.toISOString(),
    endedAt: session.endedAt?.toISOString() ?? null,
    totalBilledMicros: session.totalBilledMicros.toString(),
    totalBilledMinutes: formatMinutes(session.totalBilledMicros),
  }
}

import { z } from '@hono/zod-openapi'
import { sessionEndReasons, sessionStates } from '../metering/schema.ts'
import type { MeteredSession } from '../sessions/sessionView.ts'
import { bigintText } from './bigintText.ts'
import { formatMinutes } from './json/amounts.ts'
import { minutesText } from './minutesText.ts'

const MICROS_PER_SECOND = 1_000_000n

/** The schema of a session after it was metered: what a heartbeat and a release answer. */
export const HeartbeatSchema = z
  .strictObject({
    id: z.string(),
    state: z.enum(sessionStates).openapi({ description: '`ended`: stop the desktop.' }),
    endReason: z.enum(sessionEndReasons).nullable(),
    billedMicros: bigintText.openapi({ description: 'What this one call billed.' }),
    billedMinutes: minutesText,
    totalBilledMicros: bigintText.openapi({ description: 'What the session has cost so far.' }),
    totalBilledMinutes: minutesText,
    balanceMicros: bigintText.openapi({ description: 'What the account has after it.' }),
    balanceMinutes: minutesText,
    low: z
      .boolean()
      .openapi({ description: 'No more is left than the warning threshold at the present burn.' }),
    graceRemainingSeconds: z.int().nullable().openapi({
      description: 'How long it may run on unbilled, shared by all of the account; null unless in grace.',
    }),
  })
  .openapi('Heartbeat')

/** A metered session as JSON. Seconds of grace are floored. */
export function heartbeatJson(session: MeteredSession): z.input<typeof HeartbeatSchema> {
  return {
    id: session.id,
    state: session.state,
    endReason: session.endReason,
    billedMicros: session.billedMicros.toString(),
    billedMinutes: formatMinutes(session.billedMicros),
    totalBilledMicros: session.totalBilledMicros.toString(),
    totalBilledMinutes: formatMinutes(session.totalBilledMicros),
    balanceMicros: session.balanceMicros.toString(),
    balanceMinutes: formatMinutes(session.balanceMicros),
    low: session.isLow,
    graceRemainingSeconds:
      session.state === 'grace' ? Number(session.graceLeftMicros / MICROS_PER_SECOND) : null,
  }
}

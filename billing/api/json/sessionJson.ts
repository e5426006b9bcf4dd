import { z } from '@hono/zod-openapi'
import type { MeteredSession, SessionView } from '../../metering/meterSessions.ts'
import { sessionEndReasons, sessionStates } from '../../metering/schema.ts'
import { bigintText, formatMinutes, minutesText } from './amounts.ts'

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

const MICROS_PER_SECOND = 1_000_000n

/** The schema of a session after metering: the answer to a heartbeat and to a release. */
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
      description:
        'How long it may run on unbilled at the GPUs that the account runs now; null unless in grace. Then it is ended.',
    }),
  })
  .openapi('Heartbeat')

/** A metered session as JSON. Grace is floored to seconds. */
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
      session.state === 'grace' && session.graceLeftMicros !== null
        ? Number(session.graceLeftMicros / MICROS_PER_SECOND)
        : null,
  }
}

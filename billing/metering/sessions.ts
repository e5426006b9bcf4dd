import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import type { MeterLimits } from '../sessions/meterLimits.ts'
import { readSession } from '../sessions/readSession.ts'
import type { SessionView } from '../sessions/sessionView.ts'

export interface NewSession {
  /** The caller's own; the same id again is the same session. */
  id: string
  account: Address
  profile: string
  gpus: number
}

export type StartResult =
  | { kind: 'created' | 'existing'; session: SessionView }
  /** The id is taken by a session of another wallet or profile. */
  | { kind: 'conflict' }
  /** Less than a minute of this and of all live sessions of the account is left. */
  | { kind: 'insufficient_credit' }

/**
 * Starts a session. Idempotent by its id. Two that start at the same instant on credit for one: the account's meter is
 * locked, so one of them.
 */
export async function startSession(
  sql: Sql,
  limits: MeterLimits,
  { id, account, profile, gpus }: NewSession,
): Promise<StartResult> {
  const [row] = await sql<{ outcome: 'created' | 'existing' | 'conflict' | 'insufficient' }[]>`
    select credits.start_session(${id}, ${account}, ${profile}, ${gpus}, ${limits.heartbeatTimeoutMicros},
      ${limits.lowBalanceMinutes}) as outcome`
  switch (row?.outcome) {
    case 'created':
    case 'existing': {
      const session = await readSession(sql, id)
      if (session === null) throw new Error(`session ${id} vanished after it was started`)
      return { kind: row.outcome, session }
    }
    case 'conflict':
      return { kind: 'conflict' }
    case 'insufficient':
      return { kind: 'insufficient_credit' }
    case undefined:
      throw new Error('start_session answered nothing')
  }
}

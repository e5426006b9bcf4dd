import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { MeterLimits, SessionView } from './meterSessions.ts'

export interface NewSession {
  /** Chosen by the caller; the same id again is the same session. */
  id: string
  account: Address
  profile: string
  gpus: number
}

/** What became of a request to start a session. */
export type StartResult =
  | { kind: 'created' | 'existing'; session: SessionView }
  /** The id is taken by a session of another wallet or profile, or by one that has ended. */
  | { kind: 'conflict' }
  /** The credit left does not last a minute for this session and all live ones of the account. */
  | { kind: 'insufficient_credit' }

/**
 * Starts a session. Idempotent by its id while the session lives; the id of an ended one is taken. Of two that start at the same instant on credit for one, one starts: the account's
 * meter is locked.
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
      // It may have ended since the database looked.
      if (row.outcome === 'existing' && session.state === 'ended') return { kind: 'conflict' }
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

/** Reads one session as it was last metered; null if no session has that id. */
export async function readSession(sql: Sql, id: string): Promise<SessionView | null> {
  const [row] = await sql<SessionView[]>`
    select id, account, profile, gpus, state, end_reason as "endReason", started_at as "startedAt",
      ended_at as "endedAt", total_billed_micros as "totalBilledMicros"
    from credits.session where id = ${id}`
  return row ?? null
}

/**
 * Lists sessions, newest start first: those of one account, or of all (`account` null); with `live` only those that have
 * not ended. The key of a page is the start in microseconds and the id, `<microseconds>:<id>`.
 */
export async function listSessions(
  sql: Sql,
  { account, live }: { account: Address | null; live: boolean },
  { cursor, limit }: PageRequest,
): Promise<Page<SessionView>> {
  const after = cursor === null ? null : /^(\d{1,16}):([\x21-\x7e]{1,128})$/.exec(cursor)
  if (cursor !== null && after === null) return { kind: 'bad_cursor' }
  const rows = await sql<(SessionView & { cursor: string })[]>`
    select id, account, profile, gpus, state, end_reason as "endReason", started_at as "startedAt",
      ended_at as "endedAt", total_billed_micros as "totalBilledMicros",
      (extract(epoch from started_at) * 1000000)::bigint::text || ':' || id as cursor
    from credits.session
    where true
      ${account === null ? sql`` : sql`and account = ${account}`}
      ${live ? sql`and state <> 'ended'` : sql``}
      ${
        after === null
          ? sql``
          : sql`and (started_at, id) <
              (to_timestamp(0) + ${after[1] ?? ''}::bigint * interval '1 microsecond', ${after[2] ?? ''}::text)`
      }
    order by started_at desc nulls last, id desc nulls last
    limit ${limit + 1}`
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    kind: 'page',
    items: items.map(({ cursor: _cursor, ...session }) => session),
    nextKey: rows.length > limit && last ? last.cursor : null,
  }
}

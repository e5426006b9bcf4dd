import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { SessionView } from './sessionView.ts'

/**
 * Lists sessions, newest start first: of one account, or of everybody (`account` null), all or only those that have not
 * ended. The keyset is the start in microseconds and the id, `<microseconds>:<id>`.
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

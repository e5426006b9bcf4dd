import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'

/** Counts the published events of an account after a place in the order, up to `limit`: more are not looked at. */
export async function countAccountEvents(
  sql: Sql,
  account: Address,
  { after, limit }: { after: bigint; limit: number },
): Promise<number> {
  const [row] = await sql<{ events: number }[]>`
    select count(*)::int as events from (
      select from credits.outbox_event where account = ${account} and seq > ${after} limit ${limit}
    ) counted`
  return row?.events ?? 0
}

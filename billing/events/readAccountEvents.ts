import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import type { AccountEvent } from './accountEvent.ts'

/** Reads the published events of an account after a place in the order, oldest first. Nothing ever comes in before them. */
export function readAccountEvents(
  sql: Sql,
  account: Address,
  { after, limit }: { after: bigint; limit: number },
): Promise<AccountEvent[]> {
  return sql<AccountEvent[]>`
    select seq, kind, payload from credits.outbox_event
    where account = ${account} and seq > ${after} order by seq limit ${limit}`
}

import type { Sql } from '../database/connect.ts'

/** Reads the place of the event that was published last; 0 before the first. */
export async function readNewestSeq(sql: Sql): Promise<bigint> {
  const [row] = await sql<{ seq: bigint }[]>`select coalesce(max(seq), 0) as seq from credits.outbox_event`
  return row?.seq ?? 0n
}

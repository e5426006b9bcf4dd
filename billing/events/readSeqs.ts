import type { Sql } from '../database/connect.ts'

/** Where the order of published events begins and ends that can still be read. */
export interface Seqs {
  /** Events up to there may be deleted: whoever has not seen so far can not tell what it missed. 0 at first. */
  forgotten: bigint
  /** The place of the event that was published last; 0 before the first. */
  newest: bigint
}

/** Reads from where to where the order of events can be followed. */
export async function readSeqs(sql: Sql): Promise<Seqs> {
  const [row] = await sql<Seqs[]>`
    select (select through_seq from credits.outbox_forgotten) as forgotten,
      (select coalesce(max(seq), 0) from credits.outbox_event) as newest`
  if (row === undefined) throw new Error('a select without a table answered no row')
  return { forgotten: row.forgotten, newest: row.newest }
}

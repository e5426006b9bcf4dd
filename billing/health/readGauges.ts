import type { Sql } from '../database/connect.ts'
import { readIndexedBlocks } from '../gate/readIndexedBlocks.ts'
import type { GateGauges } from './createMetrics.ts'

/** With the pauses between looks, about a minute. */
const UNDECIDED_AFTER_LOOKS = 8

/** Reads what /metrics shows of the gate's state; while the database does not answer, it shows nothing. */
export async function readGauges(sql: Sql): Promise<GateGauges> {
  try {
    const [held, undecided, heads, indexed] = await Promise.all([
      sql<{ chainId: bigint; reason: string; deposits: bigint }[]>`
        select chain_id as "chainId", reason, count(*) as deposits
        from credits.deposit where state = 'held' group by chain_id, reason`,
      sql<{ chainId: bigint; deposits: bigint }[]>`
        select chain_id as "chainId", count(*) as deposits
        from credits.deposit where state = 'pending' and failures >= ${UNDECIDED_AFTER_LOOKS} group by chain_id`,
      sql<{ chainId: bigint; headNumber: bigint }[]>`
        select chain_id as "chainId", head_number as "headNumber" from credits.chain_status`,
      readIndexedBlocks(sql),
    ])
    const lag = heads.flatMap(({ chainId, headNumber }) => {
      const block = indexed?.get(String(chainId))
      if (block === undefined) return []
      return [{ chainId: Number(chainId), blocks: headNumber > block ? Number(headNumber - block) : 0 }]
    })
    return {
      held: held.map((row) => ({ ...row, chainId: Number(row.chainId), deposits: Number(row.deposits) })),
      undecided: undecided.map((row) => ({ chainId: Number(row.chainId), deposits: Number(row.deposits) })),
      lag,
    }
  } catch {
    return { held: [], undecided: [], lag: [] }
  }
}

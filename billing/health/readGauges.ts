import type { Sql } from '../database/connect.ts'
import type { GateGauges } from './createMetrics.ts'

/** About a minute, with the pauses between looks. */
const UNDECIDED_AFTER_LOOKS = 8

/** Reads the gate's state for /metrics, which shows none of it while the database does not answer. */
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

/** Position of the block number in Ponder's checkpoint: after 10 digits of time and 16 of chain id. */
const CHECKPOINT_BLOCK_START = 26
const CHECKPOINT_BLOCK_DIGITS = 16

/** PostgreSQL's undefined_table and invalid_schema_name: the indexer has not published its views yet. */
const NOT_THERE_YET = ['42P01', '3F000']

/** Reads the block that the indexer has reached, by chain id in decimal; null while it has published no tables. */
export async function readIndexedBlocks(sql: Sql): Promise<Map<string, bigint> | null> {
  try {
    const rows = await sql<{ chainId: bigint; block: bigint }[]>`
      select chain_id as "chainId",
        substr(latest_checkpoint, ${CHECKPOINT_BLOCK_START + 1}, ${CHECKPOINT_BLOCK_DIGITS})::bigint as block
      from indexer._ponder_checkpoint`
    return new Map(rows.map(({ chainId, block }) => [String(chainId), block]))
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOT_THERE_YET.includes(String(error.code))) return null
    throw error
  }
}

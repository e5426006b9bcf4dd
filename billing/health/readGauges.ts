import type { Sql } from '../database/connect.ts'
import { depositReasons } from '../deposits/schema.ts'
import { type EtherOfUntraced, etherOfUntraced, type GateGauges } from './createMetrics.ts'

/** About a minute, with the pauses between looks. */
const UNDECIDED_AFTER_LOOKS = 8

/**
 * Reads the gate's state for /metrics, which shows none of it while the database does not answer. Of each configured chain
 * every reason to hold a deposit and every kind of transaction that cannot be traced is shown, at 0 too: an alarm on a series
 * that is not there yet does not go off. What is left of a chain that is configured no more is shown as well.
 */
export async function readGauges(sql: Sql, chainIds: number[]): Promise<GateGauges> {
  try {
    const [held, undecided, untraced, heads, indexed] = await Promise.all([
      sql<{ chainId: bigint; reason: string; deposits: bigint }[]>`
        select chain_id as "chainId", reason, count(*) as deposits
        from credits.deposit where state = 'held' group by chain_id, reason`,
      sql<{ chainId: bigint; deposits: bigint }[]>`
        select chain_id as "chainId", count(*) as deposits
        from credits.deposit where state = 'pending' and failures >= ${UNDECIDED_AFTER_LOOKS} group by chain_id`,
      sql<{ chainId: bigint; ether: EtherOfUntraced; transactions: bigint }[]>`
        select chain_id as "chainId", count(*) as transactions,
          case when missing_wei > 0 then 'missing' when missing_wei is null then 'unknown' else 'accounted' end as ether
        from credits.untraced_transaction where not is_read group by chain_id, ether`,
      sql<{ chainId: bigint; headNumber: bigint }[]>`
        select chain_id as "chainId", head_number as "headNumber" from credits.chain_status`,
      readIndexedBlocks(sql),
    ])
    const lag = heads.flatMap(({ chainId, headNumber }) => {
      const block = indexed?.get(String(chainId))?.number
      if (block === undefined) return []
      return [{ chainId: Number(chainId), blocks: headNumber > block ? Number(headNumber - block) : 0 }]
    })
    return {
      held: [
        ...chainIds.flatMap((chainId) => depositReasons.map((reason) => ({ chainId, reason, deposits: 0 }))),
        ...held.map((row) => ({ ...row, chainId: Number(row.chainId), deposits: Number(row.deposits) })),
      ],
      undecided: [
        ...chainIds.map((chainId) => ({ chainId, deposits: 0 })),
        ...undecided.map((row) => ({ chainId: Number(row.chainId), deposits: Number(row.deposits) })),
      ],
      untraced: [
        ...chainIds.flatMap((chainId) =>
          etherOfUntraced.map((ether) => ({ chainId, ether, transactions: 0 })),
        ),
        ...untraced.map((row) => ({
          ...row,
          chainId: Number(row.chainId),
          transactions: Number(row.transactions),
        })),
      ],
      lag,
    }
  } catch {
    return { held: [], undecided: [], untraced: [], lag: [] }
  }
}

/** Ponder's checkpoint: 10 digits of the block's time in seconds, 16 of the chain id, 16 of the block number. */
const CHECKPOINT_TIME_DIGITS = 10
const CHECKPOINT_BLOCK_START = 26
const CHECKPOINT_BLOCK_DIGITS = 16

/** PostgreSQL's undefined_table and invalid_schema_name: the indexer has not published its views yet. */
const NOT_THERE_YET = ['42P01', '3F000']

/** A block that the indexer has reached; `timestamp` in seconds. */
export interface IndexedBlock {
  number: bigint
  timestamp: bigint
}

/** Reads the block that the indexer has reached, by chain id in decimal; null while it has published no tables. */
export async function readIndexedBlocks(sql: Sql): Promise<Map<string, IndexedBlock> | null> {
  try {
    const rows = await sql<(IndexedBlock & { chainId: bigint })[]>`
      select chain_id as "chainId", substr(latest_checkpoint, 1, ${CHECKPOINT_TIME_DIGITS})::bigint as timestamp,
        substr(latest_checkpoint, ${CHECKPOINT_BLOCK_START + 1}, ${CHECKPOINT_BLOCK_DIGITS})::bigint as number
      from indexer._ponder_checkpoint`
    return new Map(rows.map(({ chainId, ...block }) => [String(chainId), block]))
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOT_THERE_YET.includes(String(error.code))) return null
    throw error
  }
}

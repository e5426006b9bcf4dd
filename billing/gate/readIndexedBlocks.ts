import type { Sql } from '../database/connect.ts'

/** Where the block number stands in Ponder's checkpoint: after 10 digits of time and 16 of chain id. */
const CHECKPOINT_BLOCK_START = 26
const CHECKPOINT_BLOCK_DIGITS = 16

/** PostgreSQL's undefined_table and invalid_schema_name: the indexer has not published its views yet. */
const NOT_THERE_YET = ['42P01', '3F000']

/** Reads up to which block the indexer has got, by chain id in decimal; null while it has published no tables. */
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

import type { Sql } from '../billing/database/connect.ts'
import { INDEXER_VIEWS } from '../billing/gate/readCandidates.ts'
import type { PaidBlock } from './fillChain.ts'

/** Puts transfers behind the indexer's view, as after a long backfill, without waiting for one. */
export async function publishTransfers(
  sql: Sql,
  chainId: number,
  usdc: string,
  blocks: PaidBlock[],
): Promise<void> {
  const schema = `${INDEXER_VIEWS}_bench`
  await sql`create schema ${sql(schema)}`
  await sql`create schema ${sql(INDEXER_VIEWS)}`
  await sql`
    create table ${sql(schema)}.transfer (
      id text primary key, chain_id integer, asset text, token text, payer text, amount numeric(78), tx_hash text,
      block_number numeric(78), block_hash text, block_timestamp numeric(78), log_index integer, trace_index integer)`
  await sql`create index on ${sql(schema)}.transfer (chain_id, block_number)`
  await sql`create view ${sql(INDEXER_VIEWS)}.transfer as select * from ${sql(schema)}.transfer`
  for (const block of blocks) {
    const rows = block.payments.map(({ asset, payer, amount, txHash }) => ({
      id: txHash,
      chain_id: chainId,
      asset,
      token: asset === 'usdc' ? usdc : null,
      payer,
      amount: amount.toString(),
      tx_hash: txHash,
      block_number: block.number.toString(),
      block_hash: block.hash,
      block_timestamp: block.timestamp.toString(),
    }))
    await sql`insert into ${sql(schema)}.transfer ${sql(rows)}`
  }
}

import type { Address, Hash } from 'viem'
import type { Asset } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import { MAX_RECORDED_AMOUNT } from '../deposits/deposit.ts'
import { recordSeen, type SeenDeposit } from '../deposits/recordSeen.ts'

/** The schema of stable views onto the live build of the indexer. */
export const INDEXER_VIEWS = 'indexer'

/**
 * This many blocks below the newest one read are read again each time: until a block is final for the indexer (65 blocks on
 * mainnet, 30 elsewhere; ADR 0001), its rows may vanish and come back, also in other blocks.
 */
const REREAD_BLOCKS = 128n

const MAX_ROWS_PER_PAGE = 1000

/** What is held may be due only in a day, and a reorg has moved it: it is looked at again, but not with every pass. */
const HELD_ELSEWHERE_SECONDS = 15

type CandidateRow = {
  asset: Asset
  txHash: Hash
  payer: Address
  token: Address | null
  isTraced: boolean
  amount: string
  blockNumber: string
  blockHash: Hash
  blockTimestamp: string
}

/**
 * Records what the indexer has seen since the last time as pending deposits; returns how many are new. Nothing here is
 * trusted: each deposit is proven before it is credited. An indexer without views yet (its first backfill) has nothing.
 *
 * The cursor is kept for each schema of the indexer, so a rebuilt index is read again from its beginning; the database
 * skips deposits that are already recorded.
 */
export async function readCandidates(sql: Sql, chainId: number, wallet: Address): Promise<number> {
  const indexerSchema = await readLiveSchema(sql)
  if (indexerSchema === null) return 0
  const [cursor] = await sql<{ blockNumber: bigint; wallet: Address | null }[]>`
    select block_number as "blockNumber", wallet from credits.indexer_cursor
    where chain_id = ${chainId} and indexer_schema = ${indexerSchema}`
  let from = cursor === undefined ? 0n : cursor.blockNumber - REREAD_BLOCKS
  if (from < 0n) from = 0n
  // Read before the rows: what arrives while they are read is read again next time.
  const newest = await readNewestBlock(sql, chainId)
  let after: CandidateRow | null = null
  let recorded = 0
  for (;;) {
    const page: CandidateRow[] = await readPage(sql, chainId, wallet, from, after)
    recorded += await recordSeen(
      sql,
      // An index keeps the wallet that it was begun for: after a change of the setting it is the old one until a new index is
      // ready, and what it shows was paid to the old wallet.
      page.map((row) => toSeen(chainId, cursor?.wallet ?? wallet, row)),
    )
    after = page.at(-1) ?? null
    if (page.length < MAX_ROWS_PER_PAGE) break
  }
  // An index that shows nothing yet is noted too, with the wallet that it was begun for.
  const reached = newest ?? 0n
  if (cursor === undefined || reached > cursor.blockNumber) {
    await sql`
      insert into credits.indexer_cursor as c (chain_id, indexer_schema, block_number, wallet)
      values (${chainId}, ${indexerSchema}, ${reached.toString()}, ${wallet})
      on conflict (chain_id, indexer_schema) do update
      set block_number = excluded.block_number, wallet = coalesce(c.wallet, excluded.wallet)`
  }
  return recorded
}

/** The schema behind the views; null while there are no views. */
async function readLiveSchema(sql: Sql): Promise<string | null> {
  const [row] = await sql<{ schema: string }[]>`
    select distinct n.nspname as schema
    from pg_rewrite r
    join pg_depend d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
    join pg_class c on c.oid = d.refobjid and c.relkind = 'r'
    join pg_namespace n on n.oid = c.relnamespace
    where r.ev_class = to_regclass(${`${INDEXER_VIEWS}.transfer`})`
  return row?.schema ?? null
}

async function readNewestBlock(sql: Sql, chainId: number): Promise<bigint | null> {
  const [row] = await sql<{ newest: string | null }[]>`
    select max(block_number)::text as newest from ${sql(INDEXER_VIEWS)}.transfer where chain_id = ${chainId}`
  return row?.newest == null ? null : BigInt(row.newest)
}

/** Groups transfer rows into deposits. The database leaves out those already recorded at the same block. */
async function readPage(
  sql: Sql,
  chainId: number,
  wallet: Address,
  from: bigint,
  after: CandidateRow | null,
): Promise<CandidateRow[]> {
  const key = after === null ? null : [after.blockNumber, after.txHash, after.asset, after.payer]
  return sql<CandidateRow[]>`
    with candidate as (
      select asset, token, tx_hash, payer, block_number, block_hash, block_timestamp, sum(amount) as amount,
        bool_or(trace_index is not null) as is_traced
      from ${sql(INDEXER_VIEWS)}.transfer
      where chain_id = ${chainId} and block_number >= ${from.toString()}
        and payer <> ${wallet} and payer <> '0x0000000000000000000000000000000000000000'
        ${key === null ? sql`` : sql`and (block_number, tx_hash, asset, payer) > (${key[0] ?? ''}::numeric, ${key[1] ?? ''}, ${key[2] ?? ''}, ${key[3] ?? ''})`}
      group by asset, token, tx_hash, payer, block_number, block_hash, block_timestamp
    )
    select c.asset, c.token, c.is_traced as "isTraced", c.tx_hash as "txHash", c.payer, c.amount::text as amount, c.block_number::text as "blockNumber",
      c.block_hash as "blockHash", c.block_timestamp::text as "blockTimestamp"
    from candidate c
    left join credits.deposit d on d.id = ${chainId}::text || '-' || c.tx_hash || '-' || c.asset || '-' || c.payer
    where d.id is null or (d.state in ('orphaned', 'reversed') and d.block_hash <> c.block_hash)
      or (d.state = 'held' and d.block_hash <> c.block_hash
        and d.updated_at < now() - make_interval(secs => ${HELD_ELSEWHERE_SECONDS}))
      or (d.state in ('pending', 'held') and d.block_hash = c.block_hash and (d.seen_base_units is null
        or d.seen_base_units < least(c.amount, ${MAX_RECORDED_AMOUNT.toString()}::numeric)))
    order by c.block_number, c.tx_hash, c.asset, c.payer
    limit ${MAX_ROWS_PER_PAGE}`
}

function toSeen(chainId: number, wallet: Address, row: CandidateRow): SeenDeposit {
  const by = row.token !== null ? 'logs' : row.isTraced ? 'traces' : 'transactions'
  return {
    under: { wallet, token: row.token, by },
    chainId,
    txHash: row.txHash,
    asset: row.asset,
    payer: row.payer,
    amountBaseUnits: BigInt(row.amount),
    blockNumber: BigInt(row.blockNumber),
    blockHash: row.blockHash,
    blockTimestamp: new Date(Number(row.blockTimestamp) * 1000),
  }
}

import type { Address, Hash } from 'viem'
import type { Rail } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import type { OpenDeposit } from './deposit.ts'
import type { WayToSee } from './schema.ts'

type Row = Omit<OpenDeposit, 'amountBaseUnits' | 'chainId' | 'seenBaseUnits' | 'seenUnder'> & {
  chainId: bigint
  amountBaseUnits: string
  seenBaseUnits: string | null
  seenWallet: Address | null
  seenToken: Address | null
  seenBy: WayToSee | null
}

function toOpenDeposit({ seenWallet, seenToken, seenBy, ...row }: Row): OpenDeposit {
  return {
    ...row,
    chainId: Number(row.chainId),
    amountBaseUnits: BigInt(row.amountBaseUnits),
    seenBaseUnits: row.seenBaseUnits === null ? null : BigInt(row.seenBaseUnits),
    seenUnder:
      seenWallet === null || seenBy === null ? null : { wallet: seenWallet, token: seenToken, by: seenBy },
  }
}

const columns = (sql: Sql) => sql`
  id, chain_id as "chainId", tx_hash as "txHash", rail, payer, state, reason, detail, amount_base_units as "amountBaseUnits",
  block_number as "blockNumber", block_hash as "blockHash", attempt, failures, seen_base_units as "seenBaseUnits",
  seen_wallet as "seenWallet", seen_token as "seenToken", seen_by as "seenBy"`

/**
 * Deposits deep enough to be decided now: pending ones, and held ones that are due. Oldest block first. Those whose evidence
 * could not be had are left to {@link selectTroubled}.
 */
export async function selectDue(
  sql: Sql,
  { chainId, deepestBlock, now, limit }: { chainId: number; deepestBlock: bigint; now: Date; limit: number },
): Promise<OpenDeposit[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from credits.deposit
    where chain_id = ${chainId} and state in ('pending', 'held') and block_number <= ${deepestBlock.toString()}
      and (retry_at <= ${now} or (retry_at is null and state = 'pending'))
      and reason is distinct from 'evidence_unavailable'
    order by block_number, id limit ${limit}`
  return rows.map(toOpenDeposit)
}

/** Held deposits that are due and whose receipt or trace is hard to have, those that failed least first: reading it may take long. */
export async function selectTroubled(
  sql: Sql,
  { chainId, deepestBlock, now, limit }: { chainId: number; deepestBlock: bigint; now: Date; limit: number },
): Promise<OpenDeposit[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from credits.deposit
    where chain_id = ${chainId} and state = 'held' and reason = 'evidence_unavailable'
      and block_number <= ${deepestBlock.toString()} and retry_at <= ${now}
    order by failures, retry_at, id limit ${limit}`
  return rows.map(toOpenDeposit)
}

/** Pending deposits that are not deep enough yet: only their block is checked. */
export async function selectShallow(
  sql: Sql,
  { chainId, aboveBlock, limit }: { chainId: number; aboveBlock: bigint; limit: number },
): Promise<OpenDeposit[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from credits.deposit
    where chain_id = ${chainId} and state = 'pending' and block_number > ${aboveBlock.toString()}
    order by block_number, id limit ${limit}`
  return rows.map(toOpenDeposit)
}

/** Deposits that lost their block and are due to be searched for again. */
export async function selectLost(
  sql: Sql,
  { chainId, now, limit }: { chainId: number; now: Date; limit: number },
): Promise<OpenDeposit[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from credits.deposit
    where chain_id = ${chainId} and state in ('orphaned', 'reversed') and retry_at <= ${now}
    order by retry_at, id limit ${limit}`
  return rows.map(toOpenDeposit)
}

/** Credited deposits that the chain could still take back, in the given blocks. */
export async function selectWatched(
  sql: Sql,
  { chainId, blockHashes }: { chainId: number; blockHashes: Hash[] },
): Promise<OpenDeposit[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from credits.deposit
    where chain_id = ${chainId} and state = 'credited' and not final and block_hash = any(${blockHashes}::text[])
    order by id`
  return rows.map(toOpenDeposit)
}

/** A payer's other payments on a rail that are each held as too small. */
export async function selectSmall(
  sql: Sql,
  { payer, rail, except, limit }: { payer: string; rail: Rail; except: string[]; limit: number },
): Promise<OpenDeposit[]> {
  const rows = await sql<Row[]>`
    select ${columns(sql)} from credits.deposit
    where payer = ${payer} and rail = ${rail} and state = 'held' and reason = 'below_minimum'
      and not (id = any(${except}::text[]))
    order by block_number desc, id limit ${limit}`
  return rows.map(toOpenDeposit)
}

/** One deposit in any state; null when no deposit has that id. */
export async function selectById(sql: Sql, id: string): Promise<OpenDeposit | null> {
  const [row] = await sql<Row[]>`select ${columns(sql)} from credits.deposit where id = ${id}`
  return row === undefined ? null : toOpenDeposit(row)
}

/** All deposits of a transaction, in any state. */
export async function selectByTransaction(sql: Sql, txHash: Hash): Promise<OpenDeposit[]> {
  const rows = await sql<
    Row[]
  >`select ${columns(sql)} from credits.deposit where tx_hash = ${txHash} order by id`
  return rows.map(toOpenDeposit)
}

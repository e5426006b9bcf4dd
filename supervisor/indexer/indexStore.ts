import type { Sql } from '../../billing/database/connect.ts'

/** The schema of the views that the rest of the service reads; they point to whichever index was ready last. */
export const VIEWS_SCHEMA = 'indexer'

/** A block that the indexer considered final, as the RPCs reported it at that time. */
export interface Anchor {
  number: bigint
  hash: string
}

/** How far the indexer has got on one chain. */
export interface IndexedHead {
  chainId: number
  latest: bigint
  /** It considers blocks up to here final and cannot undo them. */
  finalized: bigint
}

/** Anchors kept for each chain: with one for every 30 blocks or more, several thousand blocks back. */
const MAX_ANCHORS = 200

/** Creates the supervisor's own small tables. Idempotent; call it under the indexer's lock. */
export async function prepareIndexStore(sql: Sql): Promise<void> {
  await sql`create schema if not exists supervisor`
  await sql`
    create table if not exists supervisor.index_generation (build text primary key, generation integer not null)`
  await sql`
    create table if not exists supervisor.anchor (
      chain_id bigint not null, number bigint not null, hash text not null, primary key (chain_id, number)
    )`
}

/** The name of the schema for a build's index: its hash, and how often it has been rebuilt. */
export async function currentSchema(sql: Sql, build: string): Promise<string> {
  const [row] = await sql<{ generation: number }[]>`
    insert into supervisor.index_generation (build, generation) values (${build}, 1)
    on conflict (build) do update set generation = index_generation.generation
    returning generation`
  if (!row) throw new Error('the generation of the index was not stored')
  return `indexer_${build}_${row.generation}`
}

/** Makes the next start use a new, empty schema. Cached chain data stays: only the schema is unusable. */
export async function startNewGeneration(sql: Sql, build: string): Promise<void> {
  await sql`update supervisor.index_generation set generation = generation + 1 where build = ${build}`
}

/**
 * Deletes what was cached of a chain above a block (everything for null) and makes the next start use a new schema, in
 * one transaction: a crash leaves either everything or nothing done. The indexer must not be running.
 *
 * Ponder never questions what it has cached as final (its `ponder_sync` tables), so after a reorg below its finality the
 * cache must go as well, or the rebuilt index would contain the same vanished blocks.
 */
export async function forgetChainAbove(
  sql: Sql,
  build: string,
  chainId: number,
  keep: bigint | null,
): Promise<void> {
  const keepUpTo = keep ?? -1n
  const exists = await hasSyncCache(sql)
  await sql.begin(async (tx) => {
    if (exists) {
      const up = keepUpTo.toString()
      await tx`delete from ponder_sync.blocks where chain_id = ${chainId} and number > ${up}`
      for (const table of ['transactions', 'transaction_receipts', 'logs', 'traces', 'factory_addresses']) {
        await tx`delete from ponder_sync.${tx(table)} where chain_id = ${chainId} and block_number > ${up}`
      }
      await tx`
        delete from ponder_sync.rpc_request_results
        where chain_id = ${chainId} and (block_number is null or block_number > ${up})`
      await tx`
        update ponder_sync.intervals set blocks = blocks * nummultirange(numrange(null, ${up}::numeric + 1))
        where chain_id = ${chainId}`
    }
    await tx`delete from supervisor.anchor where chain_id = ${chainId} and number > ${keepUpTo.toString()}`
    await tx`update supervisor.index_generation set generation = generation + 1 where build = ${build}`
  })
}

async function hasSyncCache(sql: Sql): Promise<boolean> {
  const [row] = await sql<
    { found: boolean }[]
  >`select to_regclass('ponder_sync.intervals') is not null as found`
  return row?.found ?? false
}

/** Newest first. */
export async function listAnchors(sql: Sql, chainId: number): Promise<Anchor[]> {
  return sql<Anchor[]>`
    select number, hash from supervisor.anchor where chain_id = ${chainId} order by number desc`
}

/** Remembers a block as final; beyond the limit, the oldest are deleted. */
export async function recordAnchor(sql: Sql, chainId: number, anchor: Anchor): Promise<void> {
  await sql`
    insert into supervisor.anchor (chain_id, number, hash)
    values (${chainId}, ${anchor.number.toString()}, ${anchor.hash})
    on conflict (chain_id, number) do nothing`
  await sql`
    delete from supervisor.anchor where chain_id = ${chainId} and number not in (
      select number from supervisor.anchor where chain_id = ${chainId} order by number desc limit ${MAX_ANCHORS}
    )`
}

/**
 * How far a schema's index has got, and whether it has ever caught up (`ready`); until then it is in its backfill. Null
 * while the indexer has not created its tables yet.
 */
export async function readProgress(
  sql: Sql,
  schema: string,
): Promise<{ ready: boolean; heads: IndexedHead[] } | null> {
  const [found] = await sql<{ made: boolean }[]>`
    select to_regclass(${`${schema}._ponder_checkpoint`}) is not null
       and to_regclass(${`${schema}._ponder_meta`}) is not null as made`
  if (!found?.made) return null
  const [meta] = await sql<{ ready: boolean }[]>`
    select (value->>'is_ready') = '1' as ready from ${sql(schema)}._ponder_meta where key = 'app'`
  // A checkpoint is digits of fixed width: 10 of the timestamp, 16 of the chain id, 16 of the block number, and more.
  const heads = await sql<{ chainId: bigint; latest: bigint; finalized: bigint }[]>`
    select chain_id as "chainId", substr(latest_checkpoint, 27, 16)::bigint as latest,
           substr(finalized_checkpoint, 27, 16)::bigint as finalized
    from ${sql(schema)}._ponder_checkpoint`
  return {
    ready: meta?.ready ?? false,
    heads: heads.map((row) => ({ ...row, chainId: Number(row.chainId) })),
  }
}

/**
 * Releases Ponder's lock on a schema after its holder was killed; otherwise it would delay the next start by up to 25
 * seconds. Call it only while holding the indexer's advisory lock, with our own indexer known to be dead.
 */
export async function releaseSchema(sql: Sql, schema: string): Promise<void> {
  const [found] = await sql<{ made: boolean }[]>`
    select to_regclass(${`${schema}._ponder_meta`}) is not null as made`
  if (!found?.made) return
  await sql`update ${sql(schema)}._ponder_meta set value = jsonb_set(value, '{is_locked}', '0')`
}

/**
 * Drops the indexes of earlier builds and generations, once the views point to the current one and it is ready. One that
 * is locked and was alive within the last 30 seconds is left for later.
 *
 * @returns the dropped schemas.
 */
export async function dropSupersededSchemas(sql: Sql, current: string): Promise<string[]> {
  const [view] = await sql<{ definition: string }[]>`
    select definition from pg_views where schemaname = ${VIEWS_SCHEMA} and viewname = 'transfer'`
  if (!view?.definition.includes(`${current}.`)) return []
  if (!(await readProgress(sql, current))?.ready) return []
  const schemas = await sql<{ name: string }[]>`
    select nspname as name from pg_namespace where nspname ~ '^indexer_[0-9a-f]{12}_[0-9]+$' and nspname <> ${current}`
  const dropped: string[] = []
  for (const { name } of schemas) {
    if (await isAlive(sql, name)) continue
    await sql`drop schema if exists ${sql(name)} cascade`
    dropped.push(name)
  }
  return dropped
}

async function isAlive(sql: Sql, schema: string): Promise<boolean> {
  const [found] = await sql<{ made: boolean }[]>`
    select to_regclass(${`${schema}._ponder_meta`}) is not null as made`
  if (!found?.made) return false
  const [meta] = await sql<{ alive: boolean }[]>`
    select (value->>'is_locked') = '1'
       and (value->>'heartbeat_at')::numeric > extract(epoch from now()) * 1000 - 30000 as alive
    from ${sql(schema)}._ponder_meta where key = 'app'`
  return meta?.alive ?? false
}

import type { Sql, Transaction } from '../database/connect.ts'
import { type IndexedBlock, readIndexedBlocks, readWithin } from './readGauges.ts'

/** The gate makes a pass at least every ten seconds (POLL_INTERVAL_MS); half a minute without one means that nothing is credited. */
const GATE_SILENT_AFTER_SECONDS = 30
/** Slow chains make a block every few seconds; a head this old means that the chain or its RPC has stopped. */
const HEAD_STALE_AFTER_SECONDS = 600
/** Catching up after a restart is quick; an indexer further behind sees payments late. */
const INDEXER_BEHIND_AFTER_BLOCKS = 20n
/** A database that does not answer within this time counts as unreachable. */
const DATABASE_TIMEOUT_MS = 3_000

interface ChainStatusRow {
  chainId: bigint
  headNumber: bigint
  secondsSinceHead: number
  secondsSincePass: number
  problem: string | null
  jobProblem: string | null
}

/** What the database says about each part, by chain id in decimal. `indexed` null: no indexer yet. */
interface Observation {
  status: Map<string, ChainStatusRow>
  indexed: Map<string, IndexedBlock> | null
  /** Chains whose index is not filled to where live blocks begin, though an earlier run had been further. */
  backfilling: ReadonlySet<string>
  isWritable: boolean
}

/**
 * Reports whether every part does its work, from what the gate and the indexer have written to the database. It calls no
 * RPC, so it is cheap and answers when they do not. Both sides use the database's clock. Never throws: a database that fails
 * or is silent for three seconds is reported as failing.
 *
 * @param starting why this process has not begun to work on a chain, by chain id.
 */
export async function readHealth(
  sql: Sql,
  chainIds: readonly number[],
  starting: ReadonlyMap<number, string> = new Map(),
): Promise<HealthReport> {
  const observation = await withinPatience(
    readWithin(sql, (tx) => observe(tx), DATABASE_TIMEOUT_MS).catch(() => null),
  )
  const eachChain = (check: (chainId: string) => HealthCheck) =>
    Object.fromEntries(chainIds.map((chainId) => [String(chainId), check(String(chainId))]))
  if (observation === null) {
    const unknown = eachChain(() => failing('unknown while the database does not answer'))
    return {
      checks: {
        database: failing('the database does not answer'),
        rpc: unknown,
        indexer: unknown,
        gate: unknown,
        jobs: unknown,
      },
    }
  }
  const { status, indexed, backfilling, isWritable } = observation
  const startsFor = (chainId: string): HealthCheck | null => {
    const cause = starting.get(Number(chainId))
    return cause === undefined ? null : { status: 'starting', detail: cause }
  }
  return {
    checks: {
      database: isWritable ? ok('answers') : failing('is read-only'),
      rpc: eachChain((chainId) => startsFor(chainId) ?? judgeHead(status.get(chainId))),
      indexer: eachChain((chainId) =>
        backfilling.has(chainId)
          ? failing('fills its index, and does not follow the chain yet')
          : judgeIndexer(indexed, chainId, status.get(chainId)),
      ),
      gate: eachChain((chainId) => startsFor(chainId) ?? judgeGate(status.get(chainId))),
      jobs: eachChain((chainId) => judgeJobs(status.get(chainId))),
    },
  }
}

function judgeHead(row: ChainStatusRow | undefined): HealthCheck {
  if (row === undefined) return failing('no block has been seen yet')
  const where = `at block ${row.headNumber}`
  return row.secondsSinceHead > HEAD_STALE_AFTER_SECONDS
    ? failing(`no new block for ${formatDuration(row.secondsSinceHead)}, ${where}`)
    : ok(`${where}, ${formatDuration(row.secondsSinceHead)} ago`)
}

function judgeGate(row: ChainStatusRow | undefined): HealthCheck {
  if (row === undefined) return failing('has not passed yet')
  const ago = formatDuration(row.secondsSincePass)
  if (row.secondsSincePass > GATE_SILENT_AFTER_SECONDS) {
    return failing(`last passed ${ago} ago${row.problem === null ? '' : `: ${row.problem}`}`)
  }
  return row.problem === null ? ok(`passed ${ago} ago`) : failing(row.problem)
}

function judgeJobs(row: ChainStatusRow | undefined): HealthCheck {
  if (row === undefined) return failing('have not run yet')
  return row.jobProblem === null ? ok('work') : failing(row.jobProblem)
}

function judgeIndexer(
  indexed: Map<string, IndexedBlock> | null,
  chainId: string,
  row: ChainStatusRow | undefined,
): HealthCheck {
  const block = indexed?.get(chainId)?.number
  if (block === undefined) return failing('has not published its tables yet')
  if (row === undefined) return failing(`at block ${block}, while the head is not known`)
  const behind = row.headNumber > block ? row.headNumber - block : 0n
  return behind > INDEXER_BEHIND_AFTER_BLOCKS
    ? failing(`${behind} blocks behind: at block ${block} of ${row.headNumber}`)
    : ok(`at block ${block} of ${row.headNumber}`)
}

/**
 * Whether this process can serve people: the database answers and takes writes. One sentence says why not; null: it can. Says
 * nothing of chains, since balances and heartbeats go on without them.
 */
export async function readServing(sql: Sql): Promise<string | null> {
  const isWritable = await withinPatience(
    readWithin(sql, readWritable, DATABASE_TIMEOUT_MS).catch(() => null),
  )
  if (isWritable === null) return 'the database does not answer'
  return isWritable ? null : 'the database is read-only'
}

/** A standby, or a database that somebody has set to read only; the transaction that asks is read-only itself. */
async function readWritable(tx: Transaction): Promise<boolean> {
  const [row] = await tx<{ isWritable: boolean }[]>`
    select not pg_is_in_recovery() and current_setting('default_transaction_read_only') = 'off' as "isWritable"`
  return row?.isWritable === true
}

async function observe(tx: Transaction): Promise<Observation> {
  const rows = await tx<ChainStatusRow[]>`
    select chain_id as "chainId", head_number as "headNumber", problem, job_problem as "jobProblem",
      extract(epoch from now() - head_changed_at)::float8 as "secondsSinceHead",
      extract(epoch from now() - passed_at)::float8 as "secondsSincePass"
    from credits.chain_status`
  const indexed = await readIndexedBlocks(tx)
  const backfilling = indexed === null ? new Set<string>() : await readBackfilling(tx)
  const isWritable = await readWritable(tx)
  return { status: new Map(rows.map((row) => [String(row.chainId), row])), indexed, backfilling, isWritable }
}

/**
 * What the index holds tells nothing of whether anybody fills it. Ponder clears `is_ready` when it starts, as the supervisor does
 * before, and sets it when the backfill is done, which ends at the newest final block; live blocks move the checkpoint beyond.
 */
async function readBackfilling(tx: Transaction): Promise<ReadonlySet<string>> {
  const [made] = await tx<{ isThere: boolean }[]>`
    select to_regclass('indexer._ponder_meta') is not null as "isThere"`
  if (made?.isThere !== true) return new Set()
  const rows = await tx<{ chainId: bigint }[]>`
    select c.chain_id as "chainId" from indexer._ponder_checkpoint c
    left join credits.chain_status s on s.chain_id = c.chain_id
    where not exists (select from indexer._ponder_meta where key = 'app' and (value->>'is_ready')::int = 1)
      or (c.latest_checkpoint <= c.finalized_checkpoint
        and substr(c.latest_checkpoint, 27, 16)::bigint < s.head_number)`
  return new Set(rows.map(({ chainId }) => String(chainId)))
}

async function withinPatience<value>(observation: Promise<value | null>): Promise<value | null> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), DATABASE_TIMEOUT_MS)
  })
  try {
    return await Promise.race([observation, patience])
  } finally {
    clearTimeout(timer)
  }
}

function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 120) return `${whole} seconds`
  const minutes = Math.floor(whole / 60)
  return minutes < 120 ? `${minutes} minutes` : `${Math.floor(minutes / 60)} hours`
}

function ok(detail: string): HealthCheck {
  return { status: 'ok', detail }
}

function failing(detail: string): HealthCheck {
  return { status: 'failing', detail }
}

/**
 * One check of /health/ready. `detail` is one sentence that says by how much, without secrets or internals. `starting`: work on
 * the chain has not begun, for want of an answer that its first start needs.
 */
export interface HealthCheck {
  status: 'ok' | 'failing' | 'starting'
  detail: string
}

/**
 * What /health/ready answers, in the order in which an operator asks: is the database there, do the RPCs move, does the
 * indexer keep up, does the gate make passes; and whether the jobs beside the passes work (searches, sweeps, prices). Keys
 * of the records are chain ids in decimal. The service is ready when every check but `jobs` is `ok`: without those a payment
 * may be seen late, and is credited all the same.
 */
export interface HealthReport {
  checks: {
    database: HealthCheck
    rpc: Record<string, HealthCheck>
    indexer: Record<string, HealthCheck>
    gate: Record<string, HealthCheck>
    jobs: Record<string, HealthCheck>
  }
}

import type { Sql } from '../database/connect.ts'
import { type IndexedBlock, readIndexedBlocks } from './readGauges.ts'

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
}

/**
 * Reports whether every part does its work, from what the gate and the indexer have written to the database. It calls no
 * RPC, so it is cheap and answers when they do not. Both sides use the database's clock. Never throws: a database that fails
 * or is silent for three seconds is reported as failing.
 */
export async function readHealth(sql: Sql, chainIds: number[]): Promise<HealthReport> {
  const observation = await withinPatience(observe(sql))
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
  const { status, indexed } = observation
  return {
    checks: {
      database: ok('answers'),
      rpc: eachChain((chainId) => judgeHead(status.get(chainId))),
      indexer: eachChain((chainId) => judgeIndexer(indexed, chainId, status.get(chainId))),
      gate: eachChain((chainId) => judgeGate(status.get(chainId))),
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

async function observe(sql: Sql): Promise<Observation> {
  const [rows, indexed] = await Promise.all([
    sql<ChainStatusRow[]>`
      select chain_id as "chainId", head_number as "headNumber", problem, job_problem as "jobProblem",
        extract(epoch from now() - head_changed_at)::float8 as "secondsSinceHead",
        extract(epoch from now() - passed_at)::float8 as "secondsSincePass"
      from credits.chain_status`,
    readIndexedBlocks(sql),
  ])
  return { status: new Map(rows.map((row) => [String(row.chainId), row])), indexed }
}

async function withinPatience(observation: Promise<Observation>): Promise<Observation | null> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), DATABASE_TIMEOUT_MS)
  })
  try {
    return await Promise.race([observation.catch(() => null), patience])
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

/** One check of /health/ready. `detail` is one sentence that says by how much, without secrets or internals. */
export interface HealthCheck {
  status: 'ok' | 'failing'
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

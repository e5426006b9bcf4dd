import type { Sql, Transaction } from '../database/connect.ts'
import { depositReasons } from '../deposits/schema.ts'

/** One series of a metric, as it is now. */
export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

/** What each part of the database's state says, for /metrics; null: it could not be read. */
export interface Readings {
  deposits: Sample[] | null
  credits: Sample[] | null
  chains: Sample[] | null
  indexer: Sample[] | null
  webhooks: Sample[] | null
  outbox: Sample[] | null
  sessions: Sample[] | null
  connections: Sample[] | null
  checks: Sample[] | null
}

/** What is configured, of which each series is shown at 0 too: an alarm on a series that is not there does not go off. */
export interface Known {
  chainIds: readonly number[]
  rails: readonly string[]
}

/**
 * What the wallet's ETH says of the block of a transaction that cannot be traced: more came in than is recorded of it, all
 * that came in is recorded, or it could not be asked yet.
 */
export const etherOfUntraced = ['missing', 'accounted', 'unknown'] as const

export type EtherOfUntraced = (typeof etherOfUntraced)[number]

/** Whoever scrapes has to have an answer; a table that somebody locks holds up no more than its own part. */
const STATEMENT_TIMEOUT_MS = 1_500
/** Where not even the statement can be sent. */
const READ_TIMEOUT_MS = 2_000
/** All credits are added up for this, so it is done no more often than this, and takes a twentieth of the time at most. */
const CREDITS_COUNT_MS = 2_000
const CREDITS_MAX_SHARE = 20

/** Makes the function that reads all parts at once, each for itself: it never throws. */
export function openReadings(sql: Sql, known: Known): () => Promise<Readings> {
  const creditsSeldom = seldom(() => readWithin(sql, (tx) => readCredits(tx, known)))
  const part = (read: (tx: Transaction) => Promise<Sample[]>) => inTime(readWithin(sql, read))
  return async () => {
    const [deposits, credits, chains, indexer, webhooks, outbox, sessions, connections, checks] =
      await Promise.all([
        part((tx) => readDeposits(tx, known)),
        inTime(creditsSeldom()),
        part((tx) => readChains(tx, known)),
        part((tx) => readLag(tx, known)),
        part(readWebhooks),
        part(readOutbox),
        part(readSessions),
        part(readConnections),
        part(readChecks),
      ])
    // What was added up a moment ago is not told by a database that is not there now.
    const isThere = checks !== null || outbox !== null
    return {
      deposits,
      credits: isThere ? credits : null,
      chains,
      indexer,
      webhooks,
      outbox,
      sessions,
      connections,
      checks,
    }
  }
}

/**
 * Reads with a time limit of its own at the server, so that what waits for a lock gives its connection back. Set for the
 * transaction, since a pooler in between may refuse it for the connection.
 */
export async function readWithin<value>(
  sql: Sql,
  read: (tx: Transaction) => Promise<value>,
  timeoutMs = STATEMENT_TIMEOUT_MS,
): Promise<value> {
  const result = await sql.begin('read only', async (tx) => {
    await tx.unsafe(`set local statement_timeout = ${timeoutMs}`)
    return { value: await read(tx) }
  })
  return (result as { value: value }).value
}

async function inTime<value>(reading: Promise<value>): Promise<value | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), READ_TIMEOUT_MS)
  })
  try {
    return await Promise.race([reading.catch(() => null), late])
  } finally {
    clearTimeout(timer)
  }
}

function seldom(read: () => Promise<Sample[]>): () => Promise<Sample[]> {
  let kept: { until: number; samples: Promise<Sample[]> } | null = null
  return () => {
    const startedAt = performance.now()
    if (kept !== null && startedAt < kept.until) return kept.samples
    const samples = read()
    const mine = { until: Number.POSITIVE_INFINITY, samples }
    kept = mine
    samples.then(
      () => {
        const now = performance.now()
        mine.until = now + Math.max(CREDITS_COUNT_MS, (now - startedAt) * CREDITS_MAX_SHARE)
      },
      () => {
        mine.until = 0
      },
    )
    return samples
  }
}

/** About a minute, with the pauses between looks. */
const UNDECIDED_AFTER_LOOKS = 8

/**
 * Of each configured chain every reason to hold a deposit and every kind of transaction that cannot be traced is shown. What is
 * left of a chain that is configured no more is shown as well.
 */
async function readDeposits(sql: Transaction, { chainIds }: Known): Promise<Sample[]> {
  const [held, undecided, untraced] = await Promise.all([
    sql<{ chain: string; reason: string; deposits: number }[]>`
      select chain_id::text as chain, reason, count(*)::float8 as deposits
      from credits.deposit where state = 'held' group by chain_id, reason`,
    sql<{ chain: string; deposits: number }[]>`
      select chain_id::text as chain, count(*)::float8 as deposits
      from credits.deposit where state = 'pending' and failures >= ${UNDECIDED_AFTER_LOOKS} group by chain_id`,
    sql<{ chain: string; ether: EtherOfUntraced; transactions: number }[]>`
      select chain_id::text as chain, count(*)::float8 as transactions,
        case when missing_wei > 0 then 'missing' when missing_wei is null then 'unknown' else 'accounted' end as ether
      from credits.untraced_transaction where not is_read group by chain_id, ether`,
  ])
  const chains = chainIds.map(String)
  return [
    ...chains.flatMap((chain) =>
      depositReasons.map((reason) => sample('axonos_deposits_held', { chain, reason }, 0)),
    ),
    ...held.map(({ chain, reason, deposits }) => sample('axonos_deposits_held', { chain, reason }, deposits)),
    ...chains.map((chain) => sample('axonos_deposits_undecided', { chain }, 0)),
    ...undecided.map(({ chain, deposits }) => sample('axonos_deposits_undecided', { chain }, deposits)),
    ...chains.flatMap((chain) =>
      etherOfUntraced.map((ether) => sample('axonos_transactions_untraced', { chain, ether }, 0)),
    ),
    ...untraced.map(({ chain, ether, transactions }) =>
      sample('axonos_transactions_untraced', { chain, ether }, transactions),
    ),
  ]
}

/** Everything that was ever credited, by any process. Beyond 2^53 micros the last digits are lost; the ledger has them. */
async function readCredits(sql: Transaction, { rails }: Known): Promise<Sample[]> {
  const credited = await sql<{ rail: string; credits: number; micros: number; reversals: number }[]>`
    select d.rail, count(*)::float8 as credits, sum(e.micros)::float8 as micros,
      count(c.reversal_entry_id)::float8 as reversals
    from credits.deposit_credit c
    join credits.deposit d on d.id = c.deposit_id
    join credits.ledger_entry e on e.id = c.entry_id
    group by d.rail`
  const all = new Map(rails.map((rail) => [rail, { credits: 0, micros: 0, reversals: 0 }]))
  for (const { rail, ...sums } of credited) all.set(rail, sums)
  return [...all].flatMap(([rail, { credits, micros, reversals }]) => [
    sample('axonos_deposits_credited_total', { rail }, credits),
    sample('axonos_credit_micros_total', { rail }, micros),
    sample('axonos_deposits_reversed_total', { rail }, reversals),
  ])
}

/** Where the gate has never seen a block, the ages are this process's own: they grow, and alarms on them go off. */
async function readChains(sql: Transaction, { chainIds }: Known): Promise<Sample[]> {
  const rows = await sql<{ chain: string; headAge: number; passAge: number; isProblem: boolean }[]>`
    select chain_id::text as chain, problem is not null as "isProblem",
      greatest(0, extract(epoch from now() - head_changed_at))::float8 as "headAge",
      greatest(0, extract(epoch from now() - passed_at))::float8 as "passAge"
    from credits.chain_status`
  const seen = new Map(rows.map((row) => [row.chain, row]))
  return chainIds.map(String).flatMap((chain) => {
    const {
      headAge = process.uptime(),
      passAge = process.uptime(),
      isProblem = false,
    } = seen.get(chain) ?? {}
    return [
      sample('axonos_gate_head_age_seconds', { chain }, headAge),
      sample('axonos_gate_pass_age_seconds', { chain }, passAge),
      sample('axonos_gate_problem', { chain }, isProblem ? 1 : 0),
    ]
  })
}

/** While there is no index yet, all blocks of the chain are still to be shown. */
async function readLag(sql: Transaction, { chainIds }: Known): Promise<Sample[]> {
  const [heads, indexed] = await Promise.all([
    sql<{ chain: string; headNumber: bigint }[]>`
      select chain_id::text as chain, head_number as "headNumber" from credits.chain_status`,
    readIndexedBlocks(sql),
  ])
  const headOf = new Map(heads.map(({ chain, headNumber }) => [chain, headNumber]))
  return chainIds.map(String).map((chain) => {
    const behind = (headOf.get(chain) ?? 0n) - (indexed?.get(chain)?.number ?? 0n)
    return sample('axonos_gate_lag_blocks', { chain }, behind > 0n ? Number(behind) : 0)
  })
}

async function readWebhooks(sql: Transaction): Promise<Sample[]> {
  const [row] = await sql<{ pending: number; failing: number; givenUp: number; oldest: number }[]>`
    select count(*) filter (where d.state = 'pending')::float8 as pending,
      count(*) filter (where d.state = 'pending' and d.attempts > 0)::float8 as failing,
      count(*) filter (where d.state = 'failed')::float8 as "givenUp",
      coalesce(greatest(0, extract(epoch from now() -
        min(e.created_at) filter (where d.state = 'pending'))), 0)::float8 as oldest
    from credits.webhook_delivery d join credits.outbox_event e on e.id = d.event_id
    where d.state <> 'delivered'`
  if (row === undefined) throw new Error('a count without a row')
  return [
    sample('axonos_webhooks_pending', {}, row.pending),
    sample('axonos_webhooks_failing', {}, row.failing),
    sample('axonos_webhooks_given_up', {}, row.givenUp),
    sample('axonos_webhook_oldest_pending_age_seconds', {}, row.oldest),
  ]
}

async function readOutbox(sql: Transaction): Promise<Sample[]> {
  const [row] = await sql<{ events: number; oldest: number }[]>`
    select count(*)::float8 as events,
      coalesce(greatest(0, extract(epoch from now() - min(created_at))), 0)::float8 as oldest
    from credits.outbox_event where seq is null`
  if (row === undefined) throw new Error('a count without a row')
  return [
    sample('axonos_outbox_unpublished_events', {}, row.events),
    sample('axonos_outbox_lag_seconds', {}, row.oldest),
  ]
}

/** Those that have ended are only ever more, and no index leads to their number. */
async function readSessions(sql: Transaction): Promise<Sample[]> {
  const rows = await sql<{ state: string; sessions: number }[]>`
    select state, count(*)::float8 as sessions from credits.session where state <> 'ended' group by state`
  const states = new Map([
    ['running', 0],
    ['grace', 0],
    ...rows.map((row) => [row.state, row.sessions] as const),
  ])
  return [...states].map(([state, sessions]) => sample('axonos_sessions', { state }, sessions))
}

/** By the names that connections give themselves; a role that is no superuser sees those of its own. */
async function readConnections(sql: Transaction): Promise<Sample[]> {
  const [row] = await sql<{ inUse: number; idle: number; waiting: number }[]>`
    select count(*) filter (where state <> 'idle')::float8 as "inUse",
      count(*) filter (where state = 'idle')::float8 as idle,
      count(*) filter (where wait_event_type = 'Lock')::float8 as waiting
    from pg_stat_activity where datname = current_database() and application_name like 'billing%'`
  if (row === undefined) throw new Error('a count without a row')
  return [
    sample('axonos_database_connections', { state: 'in_use' }, row.inUse),
    sample('axonos_database_connections', { state: 'idle' }, row.idle),
    sample('axonos_database_connections', { state: 'waiting_for_lock' }, row.waiting),
  ]
}

/** Notes for all processes that a check of the whole has just ended with everything in order. */
export async function notePassed(sql: Sql, what: 'verify' | 'reconcile'): Promise<void> {
  await sql`
    insert into credits.passed_check (what, passed_at) values (${what}, now())
    on conflict (what) do update set passed_at = excluded.passed_at`
}

async function readChecks(sql: Transaction): Promise<Sample[]> {
  const rows = await sql<{ check: string; passedAt: number }[]>`
    select what as check, extract(epoch from passed_at)::float8 as "passedAt" from credits.passed_check`
  const checks = new Map([
    ['verify', 0],
    ['reconcile', 0],
    ...rows.map((row) => [row.check, row.passedAt] as const),
  ])
  return [...checks].map(([check, at]) => sample('axonos_last_success_timestamp_seconds', { check }, at))
}

function sample(name: string, labels: Record<string, string>, value: number): Sample {
  return { name, labels, value }
}

/** Ponder's checkpoint: 10 digits of the block's time in seconds, 16 of the chain id, 16 of the block number. */
const CHECKPOINT_TIME_DIGITS = 10
const CHECKPOINT_BLOCK_START = 26
const CHECKPOINT_BLOCK_DIGITS = 16

/** A block that the indexer has reached; `timestamp` in seconds. */
export interface IndexedBlock {
  number: bigint
  timestamp: bigint
}

/** Reads the block that the indexer has reached, by chain id in decimal; null while it has published no tables. */
export async function readIndexedBlocks(sql: Sql | Transaction): Promise<Map<string, IndexedBlock> | null> {
  // Asked first, since a transaction does not survive the error.
  const [published] = await sql<{ isThere: boolean }[]>`
    select to_regclass('indexer._ponder_checkpoint') is not null as "isThere"`
  if (published?.isThere !== true) return null
  const rows = await sql<(IndexedBlock & { chainId: bigint })[]>`
    select chain_id as "chainId", substr(latest_checkpoint, 1, ${CHECKPOINT_TIME_DIGITS})::bigint as timestamp,
      substr(latest_checkpoint, ${CHECKPOINT_BLOCK_START + 1}, ${CHECKPOINT_BLOCK_DIGITS})::bigint as number
    from indexer._ponder_checkpoint`
  return new Map(rows.map(({ chainId, ...block }) => [String(chainId), block]))
}

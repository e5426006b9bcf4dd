import type { Logger } from 'pino'
import type { Head } from '../chain/readHead.ts'
import type { Sql } from '../database/connect.ts'
import type { GateEvent } from '../deposits/deposit.ts'
import type { Metrics } from '../health/createMetrics.ts'
import type { GateChain } from './gateDeps.ts'

/**
 * Reports what the gate did: a log line for each deposit credited, held, reversed or orphaned, with key, amounts
 * and block; errors for what an operator must look at; and the metrics. A lasting problem is logged when it begins and when
 * it ends, not at every pass.
 */
export function reportGate(
  logger: Logger,
  metrics: Metrics,
  loggable: (error: unknown) => unknown,
): (event: GateEvent) => void {
  const problems = new Map<number, string | null>()
  const jobProblems = new Map<number, string | null>()
  const unpriced = new Map<string, boolean>()
  return (event) => {
    switch (event.kind) {
      case 'credited': {
        const { kind, ...facts } = event
        metrics.depositsCreditedTotal.inc({ rail: event.rail })
        metrics.creditMicrosTotal.inc({ rail: event.rail }, Number(event.micros))
        logger.info(text(facts), 'deposit credited')
        return
      }
      case 'reversed': {
        const { kind, ...facts } = event
        metrics.depositsReversedTotal.inc({ rail: event.rail })
        logger.error(text(facts), 'deposit reversed: a reorg removed its transaction')
        return
      }
      case 'held': {
        const { kind, ...facts } = event
        const isAlarm = event.reason !== 'below_minimum'
        logger[isAlarm ? 'warn' : 'info'](text(facts), 'deposit held')
        return
      }
      case 'orphaned': {
        const { kind, ...facts } = event
        logger.warn(text(facts), 'deposit orphaned: no canonical block holds it')
        return
      }
      case 'disagreement':
        metrics.rpcDisagreementsTotal.inc({ chain: String(event.chainId) })
        logger.debug({ chainId: event.chainId, detail: event.detail }, 'the RPCs do not agree')
        return
      case 'jobs': {
        const before = jobProblems.get(event.chainId) ?? null
        jobProblems.set(event.chainId, event.problem)
        if (event.problem === before) return
        if (event.problem === null)
          logger.info({ chainId: event.chainId }, 'the jobs beside the gate work again')
        else {
          logger.warn(
            { chainId: event.chainId, problem: event.problem, error: loggable(event.error) },
            'a job beside the gate failed; passes go on, and it is tried again',
          )
        }
        return
      }
      case 'untraced': {
        const { kind, ...facts } = event
        logger.error(text(facts), 'ETH came in, and no RPC can trace the transaction that may have paid it')
        return
      }
      case 'problem': {
        metrics.rpcProblem.set({ chain: String(event.chainId) }, event.problem === null ? 0 : 1)
        const before = problems.get(event.chainId) ?? null
        problems.set(event.chainId, event.problem)
        if (event.problem === before) return
        if (event.problem === null) logger.info({ chainId: event.chainId }, 'the RPCs are well again')
        else logger.error({ chainId: event.chainId, problem: event.problem }, 'RPC problem')
        return
      }
      case 'price': {
        const wasUnpriced = unpriced.get(event.rail) ?? false
        unpriced.set(event.rail, event.why !== null)
        metrics.priceUnavailable.set({ rail: event.rail }, event.why === null ? 0 : 1)
        if ((event.why !== null) === wasUnpriced) return
        if (event.why === null) logger.info({ rail: event.rail }, 'there is a price again')
        else logger.error({ rail: event.rail, why: event.why }, 'no price that can be trusted')
        return
      }
      case 'passed':
        metrics.gatePassDurationSeconds.observe({ chain: String(event.chainId) }, event.durationMs / 1000)
        return
      case 'failed':
        logger.error(
          { chainId: event.chainId, error: loggable(event.error) },
          'a pass of the gate failed; it is tried again',
        )
        return
    }
  }
}

/** JSON has no bigint. */
function text(facts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      typeof value === 'bigint' ? value.toString() : value,
    ]),
  )
}

/**
 * Records what the gate knows about a chain, by which confirmations are counted and health is judged. A new head is
 * announced on the channel `credits_heads`.
 */
export async function writeStatus(
  sql: Sql,
  { chainId, setup }: Pick<GateChain, 'chainId' | 'setup'>,
  head: Head,
): Promise<void> {
  await sql`
    with before as (
      select head_hash from credits.chain_status where chain_id = ${chainId}
    ), written as (
      insert into credits.chain_status as s
        (chain_id, head_number, head_hash, head_timestamp, head_changed_at, finalized_number, passed_at, problem,
          eth_detection)
      values (${chainId}, ${head.number.toString()}, ${head.hash}, ${new Date(Number(head.timestamp) * 1000)}, now(),
        ${head.finalizedNumber.toString()}, now(), null, ${setup.ethDetection})
      on conflict (chain_id) do update set
        head_number = excluded.head_number, head_hash = excluded.head_hash, head_timestamp = excluded.head_timestamp,
        head_changed_at = case when s.head_hash = excluded.head_hash then s.head_changed_at else now() end,
        finalized_number = excluded.finalized_number, passed_at = now(), problem = null,
        eth_detection = excluded.eth_detection
      returning head_hash
    )
    select pg_notify('credits_heads', '') from written
    where head_hash is distinct from (select head_hash from before)`
}

/** Records why a pass failed; the head stays the last one known. */
export async function writeProblem(sql: Sql, chainId: number, problem: string): Promise<void> {
  await sql`update credits.chain_status set problem = ${problem} where chain_id = ${chainId}`
}

/** Records what the jobs beside the passes could not do; null: they work. */
export async function writeJobProblem(sql: Sql, chainId: number, problem: string | null): Promise<void> {
  await sql`
    update credits.chain_status set job_problem = ${problem}
    where chain_id = ${chainId} and job_problem is distinct from ${problem}`
}

import { setTimeout as wait } from 'node:timers/promises'
import { deepestBlock, type Head } from '../../chain/readHead.ts'
import { selectTroubled } from '../../deposits/selectDeposits.ts'
import { searchLost } from '../followLost.ts'
import type { GateChain, GateDeps } from '../gateDeps.ts'
import { writeJobProblem } from '../reportGate.ts'
import { settleDeposits } from '../settleDeposits.ts'
import { searchSubmitted } from '../submittedTransactions.ts'
import { sightAgain, sweepTokens } from './rescan.ts'
import { searchUnindexed, searchUnindexedTraces } from './searchUnindexed.ts'
import { searchUntraced } from './searchUntraced.ts'
import { watchPrices } from './watchPrices.ts'

/** How long the trace of a transaction may take that was slow before: doubled with each look, since nobody else waits here. */
const FIRST_TRACE_TIMEOUT_MS = 2_000
const MAX_TRACE_TIMEOUT_MS = 30_000
/** Deposits whose evidence is hard to have, looked at together. */
const MAX_TROUBLED_AT_ONCE = 20

type Job = (deps: GateDeps, chain: GateChain, head: Head) => Promise<unknown>

/** What finds payments that nobody showed, and what must not delay those that somebody did. */
const jobs: Record<string, Job> = {
  'the search of blocks that are not indexed': searchUnindexed,
  'the search for ETH in traces of blocks that are not indexed': searchUnindexedTraces,
  'the search for transactions that cannot be traced': searchUntraced,
  'the search for lost transactions': searchLost,
  'the search for submitted transactions': searchSubmitted,
  'the sweep of token transfers': sweepTokens,
  'the look at prices': watchPrices,
  'the look at hard evidence': settleTroubled,
  'the second look at amounts': sightAgain,
}

/** The jobs of one chain, which run beside its passes. */
export interface Jobs {
  /** Starts each that is not under way. */
  start(deps: GateDeps, chain: GateChain, head: Head): void
  /** Resolves when all that are under way have ended, or after `patienceMs`: each may be interrupted anywhere. */
  settled(patienceMs?: number): Promise<void>
}

/**
 * Does what stands beside the passes of the gate: each job in its own lane, so that one that takes long (traces, an RPC that
 * hangs) delays neither a pass nor another job. One that fails is reported, told on its own line of /health/ready, and tried
 * again with the next pass.
 */
export function besidePasses(): Jobs {
  const underWay = new Map<string, Promise<void>>()
  const failures = new Map<string, unknown>()
  let told: string | null | undefined
  let writing = Promise.resolve()

  async function run(name: string, job: Job, deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
    try {
      await job(deps, chain, head)
      failures.delete(name)
    } catch (error) {
      failures.set(name, error)
    }
    // Without what went wrong: everybody may read /health/ready. The log has it.
    const problem = failures.size === 0 ? null : `${[...failures.keys()].sort().join(', ')} failed`
    const [error = null] = failures.values()
    deps.report({ kind: 'jobs', chainId: chain.chainId, problem, error })
    if (problem === told) return
    told = problem
    // One after the other, so that the last word is the last one written.
    writing = writing
      .then(() => writeJobProblem(deps.sql, chain.chainId, problem))
      .catch(() => {
        told = undefined
      })
    await writing
  }

  return {
    start(deps, chain, head) {
      for (const [name, job] of Object.entries(jobs)) {
        if (underWay.has(name)) continue
        underWay.set(
          name,
          run(name, job, deps, chain, head).finally(() => underWay.delete(name)),
        )
      }
    },
    settled: async (patienceMs) => {
      const ended = Promise.all(underWay.values())
      await (patienceMs === undefined
        ? ended
        : Promise.race([ended, wait(patienceMs, undefined, { ref: false })]))
    },
  }
}

/** Does all jobs once, and waits for them. */
export async function runJobs(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const jobs = besidePasses()
  jobs.start(deps, chain, head)
  await jobs.settled()
}

/** Deposits whose receipt or trace could not be had in time: with patience, and apart from all others. */
async function settleTroubled(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const troubled = await selectTroubled(deps.sql, {
    chainId: chain.chainId,
    deepestBlock: deepestBlock(head, chain.confirmations),
    now: deps.clock(),
    limit: MAX_TROUBLED_AT_ONCE,
  })
  // Those that come first have failed least: a payment that is only new here does not wait for those that never succeed.
  const looks = Math.max(0, ...troubled.map(({ failures }) => failures))
  const traceTimeoutMs = Math.min(FIRST_TRACE_TIMEOUT_MS * 2 ** Math.min(looks, 10), MAX_TRACE_TIMEOUT_MS)
  if (troubled.length > 0) await settleDeposits(deps, chain, head, troubled, { traceTimeoutMs })
}

import type { Address } from 'viem'
import { createWaker } from '../clock/createWaker.ts'
import type { GateDeps } from './gateDeps.ts'
import { INDEXER_VIEWS } from './readCandidates.ts'
import { reviewSettings } from './reviewSettings.ts'
import { besidePasses } from './runJobs.ts'
import { runPass } from './runPass.ts'

/** Failed passes in a row double the pause between passes, up to this many times… */
const MAX_DOUBLINGS = 4
/** …and up to this pause, unless the timer's interval is longer. */
const MAX_PAUSE_MS = 5_000

/** A trace may take half a minute; a stop does not wait for it. */
const JOBS_PATIENCE_MS = 3_000

export interface GateOptions {
  revenueWallet: Address
  /** The safety-net timer: the longest time between two passes while all is well. */
  pollIntervalMs: number
  /** Ends the gate between two passes. */
  stop: AbortSignal
}

/**
 * Runs the gate over all chains until stopped. Each chain has its own loop, so one whose RPC hangs delays no other. A pass
 * begins when the indexer announces a block and, as a safety net, on a timer; passes of one chain never overlap. A pass that
 * fails is reported and retried with growing pauses.
 */
export async function runGate(
  deps: GateDeps,
  { revenueWallet, pollIntervalMs, stop }: GateOptions,
): Promise<void> {
  await reviewSettings(deps)
  const wakers = [...deps.chains.values()].map(() => createWaker())
  // Ponder notifies in the transaction that writes the block's rows, so they are there when we look.
  const listening = await deps.sql.listen(`${INDEXER_VIEWS}_live_query`, () => {
    for (const waker of wakers) waker.wake()
  })
  try {
    await Promise.all(
      [...deps.chains.values()].map(async (chain, index) => {
        const waker = wakers[index]
        if (waker === undefined) throw new Error('a chain has no waker')
        const jobs = besidePasses()
        for (let failures = 0; !stop.aborted; ) {
          const passed = await runPass(deps, chain, revenueWallet, jobs.start).catch((error: unknown) => {
            deps.report({ kind: 'failed', chainId: chain.chainId, error })
            return false
          })
          failures = passed ? 0 : failures + 1
          const pauseMs = Math.min(
            pollIntervalMs * 2 ** Math.min(failures, MAX_DOUBLINGS),
            Math.max(MAX_PAUSE_MS, pollIntervalMs),
          )
          await waker.sleep(pauseMs, stop)
        }
        await jobs.settled(JOBS_PATIENCE_MS)
      }),
    )
  } finally {
    await listening.unlisten().catch(() => {})
  }
}

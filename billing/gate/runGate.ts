import type { Address } from 'viem'
import { createWaker } from '../clock/createWaker.ts'
import type { GateDeps } from './gateDeps.ts'
import { INDEXER_VIEWS } from './readCandidates.ts'
import { runPass } from './runPass.ts'

/** After this many failed passes in a row the pause no longer grows: 2^4 timer intervals, five seconds at most. */
const LONGEST_PAUSE_MS = 5_000

export interface GateOptions {
  revenueWallet: Address
  /** The safety-net timer: how long at most between two passes while all is well. */
  pollIntervalMs: number
  /** Ends the gate between two passes. */
  stop: AbortSignal
}

/**
 * Runs the gate over all chains until stopped. Each chain has a loop of its own, so one whose RPC hangs delays no other. A
 * pass begins when the indexer notifies of a block and, as a safety net, on a timer; passes of one chain never overlap. A
 * pass that fails is reported and tried again with growing pauses.
 */
export async function runGate(
  deps: GateDeps,
  { revenueWallet, pollIntervalMs, stop }: GateOptions,
): Promise<void> {
  const wakers = [...deps.chains.values()].map(() => createWaker())
  // Ponder notifies in the transaction of the block's rows, so they are there when we look.
  const listening = await deps.sql.listen(`${INDEXER_VIEWS}_live_query`, () => {
    for (const waker of wakers) waker.wake()
  })
  try {
    await Promise.all(
      [...deps.chains.values()].map(async (chain, index) => {
        const waker = wakers[index]
        if (waker === undefined) throw new Error('a chain without its waker')
        for (let failures = 0; !stop.aborted; ) {
          const passed = await runPass(deps, chain, revenueWallet).catch((error: unknown) => {
            deps.report({ kind: 'failed', chainId: chain.chainId, error })
            return false
          })
          failures = passed ? 0 : failures + 1
          const pauseMs = Math.min(
            pollIntervalMs * 2 ** Math.min(failures, 4),
            Math.max(LONGEST_PAUSE_MS, pollIntervalMs),
          )
          await waker.sleep(pauseMs, stop)
        }
      }),
    )
  } finally {
    await listening.unlisten().catch(() => {})
  }
}

import type { Logger } from 'pino'
import type { RpcEndpoint } from '../billing/chain/rpc/rpcEndpoint.ts'
import { pause } from '../billing/clock/createWaker.ts'
import { newTraceWatch, planTraces } from './planTraces.ts'
import { probeTraces } from './probeTraces.ts'

/** A chain that is set to find ETH by traces. */
export interface TracedChain {
  chainId: number
  endpoints: RpcEndpoint[]
}

const FIRST_ANSWER_WITHIN_MS = 5_000
/** While the service waits for the first answers. */
const ASK_SOON_MS = 1_000
/** While answers speak for the other way. */
const ASK_AGAIN_MS = 10_000
/** While all is as it was; a trace is what nodes charge most for. */
const ASK_SELDOM_MS = 60_000

/**
 * Finds out which chains must do without traces, whatever the setting says, because an RPC has no `debug_trace…`.
 *
 * `first` gives those known after at most five seconds; a chain whose RPCs do not answer clearly by then is taken at its
 * setting. It goes on asking, and tells `onChange` all chains without traces whenever one falls back or comes back.
 */
export function watchTraces(
  chains: TracedChain[],
  logger: Logger,
  onChange: (chains: ReadonlySet<number>) => void,
): { first: Promise<ReadonlySet<number>> } {
  const without = new Set<number>()
  const never = new AbortController().signal
  let isStarting = true

  /** Goes on for as long as the process; `onFirst` is called once, when the first way is chosen. */
  async function watch({ chainId, endpoints }: TracedChain, onFirst: () => void): Promise<void> {
    let watched = newTraceWatch
    for (;;) {
      const before = watched.mode
      const support = await probeTraces(endpoints, chainId)
      watched = planTraces(watched, { support, nowMs: performance.now(), isStarting })
      const { mode, otherSinceMs } = watched
      if (mode === 'transactions' && before !== 'transactions') {
        logger.warn({ chainId }, WITHOUT_TRACES)
        without.add(chainId)
        if (!isStarting) onChange(new Set(without))
      } else if (mode === 'traces' && before === 'transactions') {
        logger.info({ chainId }, 'the RPCs trace again: internal ETH payments are seen')
        without.delete(chainId)
        if (!isStarting) onChange(new Set(without))
      }
      if (mode !== null) onFirst()
      const isSettled = otherSinceMs === null && mode === 'traces'
      await pause(isStarting ? ASK_SOON_MS : isSettled ? ASK_SELDOM_MS : ASK_AGAIN_MS, never)
    }
  }

  const all = Promise.all(chains.map((chain) => new Promise<void>((resolve) => void watch(chain, resolve))))
  const first = Promise.race([all, pause(FIRST_ANSWER_WITHIN_MS, never)]).then(() => {
    isStarting = false
    return new Set(without)
  })
  return { first }
}

const WITHOUT_TRACES =
  'the RPC has no debug_traceBlockByNumber: internal ETH payments (from Safes, through contracts) are not seen for now; ' +
  'ETH sent by plain transactions is credited. It is asked on. Use an RPC with traces, or set ETH_DETECTION=transactions'

import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { RpcEndpoint } from '../billing/chain/rpc/rpcEndpoint.ts'
import { probeTraces } from './probeTraces.ts'

/** A chain that is set to find ETH by traces. */
export interface TracedChain {
  chainId: number
  endpoints: RpcEndpoint[]
}

const FIRST_ANSWER_WITHIN_MS = 5_000
const ASK_AGAIN_MS = 1_000
const ASK_LATER_MS = 10_000
/** A refusal must be said so often in a row: changing the way ETH is found means a new index. */
const REFUSALS = 2

/**
 * Finds out which chains must do without traces, whatever the setting says, because an RPC has no `debug_trace…`.
 *
 * `first` gives those known after at most five seconds; a chain whose RPCs do not answer by then is taken at its setting.
 * It is asked on, and `onRefused` is told of all chains without traces when one is found later.
 */
export function watchTraces(
  chains: TracedChain[],
  logger: Logger,
  onRefused: (chains: ReadonlySet<number>) => void,
): { first: Promise<ReadonlySet<number>> } {
  const refused = new Set<number>()
  let firstIsOver = false

  async function watch({ chainId, endpoints }: TracedChain): Promise<void> {
    for (let refusals = 0; ; ) {
      const support = await probeTraces(endpoints, chainId)
      if (support === 'supported') return
      refusals = support === 'unsupported' ? refusals + 1 : 0
      if (refusals >= REFUSALS) break
      await wait(firstIsOver ? ASK_LATER_MS : ASK_AGAIN_MS)
    }
    logger.warn(
      { chainId },
      'the RPC has no debug_traceBlockByNumber: internal ETH payments (from Safes, through contracts) will not be seen; ' +
        'ETH sent by plain transactions is credited. Use an RPC with traces, or set ETH_DETECTION=transactions',
    )
    refused.add(chainId)
    if (firstIsOver) onRefused(refused)
  }

  const all = Promise.all(chains.map(watch))
  const bound = wait(FIRST_ANSWER_WITHIN_MS)
  const first = Promise.race([all, bound]).then(() => {
    firstIsOver = true
    return new Set(refused)
  })
  return { first }
}

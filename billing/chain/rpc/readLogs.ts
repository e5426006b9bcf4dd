import { type Address, numberToHex } from 'viem'
import { z } from 'zod'
import type { RpcEndpoint } from './rpcEndpoint.ts'
import { failureOf, saysNoSuchMethod } from './rpcError.ts'
import { log, type WireLog } from './wire.ts'

/** Which logs, as eth_getLogs has it. */
export interface LogFilter {
  address: Address[]
  topics: (string | null)[]
}

const logs = z.array(log)
const widths = new WeakMap<RpcEndpoint, LogWidth>()

/**
 * Reads the logs of a range of blocks, both ends included, from one RPC. Each provider limits eth_getLogs in its own way
 * (so many blocks, results, bytes) and tells so in words of its own. So no words are read: a request that is refused or
 * answered with too much is made again for half the blocks, and what a provider serves is remembered.
 *
 * @throws RpcError as {@link RpcEndpoint.request} does, and where even a single block is refused.
 */
export async function readLogs(
  endpoint: RpcEndpoint,
  filter: LogFilter,
  { fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint },
): Promise<WireLog[]> {
  const width = widths.get(endpoint) ?? new LogWidth()
  widths.set(endpoint, width)
  const found: WireLog[] = []
  let refusedFrom: bigint | null = null
  for (let from = fromBlock; from <= toBlock; ) {
    const blocks = width.next(toBlock - from + 1n)
    const range = { fromBlock: numberToHex(from), toBlock: numberToHex(from + blocks - 1n) }
    try {
      found.push(...(await endpoint.request('eth_getLogs', [{ ...filter, ...range }], logs)))
      width.served(blocks)
      refusedFrom = null
      from += blocks
    } catch (error) {
      refusedFrom ??= blocks
      if (isAboutTheRange(error) && blocks > 1n) width.refused(blocks)
      else {
        // It was not the width that was wrong.
        if (blocks === 1n) width.forgive(refusedFrom)
        throw error
      }
    }
  }
  return found
}

/** HTTP: payload too large, gateway timeout. */
const WIDTH_STATUSES: ReadonlySet<number | null> = new Set([413, 504])

/** Whether fewer blocks may be answered where these are not. */
function isAboutTheRange(error: unknown): boolean {
  const failure = failureOf(error)
  switch (failure?.kind) {
    case 'response':
      return !failure.isRateLimit && !saysNoSuchMethod(error)
    case 'too_large':
      return true
    case 'transport':
      return failure.timedOut || WIDTH_STATUSES.has(failure.status)
    default:
      return false
  }
}

const FIRST_GROWTH_AFTER = 8
const MAX_GROWTH_AFTER = 512

/**
 * How many blocks one RPC serves at once, as far as is known. Halved when it refuses, doubled after it has served that
 * many a while: a limit by results is another one where less happens. Each doubling that fails puts off the next one.
 */
export class LogWidth {
  /** null: never refused. */
  #blocks: bigint | null = null
  #served = 0
  #growAfter = FIRST_GROWTH_AFTER
  #hasJustGrown = false

  next(wanted: bigint): bigint {
    return this.#blocks === null || wanted < this.#blocks ? wanted : this.#blocks
  }

  served(blocks: bigint): void {
    if (this.#blocks === null || blocks < this.#blocks) return
    if (this.#hasJustGrown) this.#growAfter = FIRST_GROWTH_AFTER
    this.#hasJustGrown = false
    this.#served += 1
    if (this.#served < this.#growAfter) return
    this.#blocks *= 2n
    this.#served = 0
    this.#hasJustGrown = true
  }

  refused(blocks: bigint): void {
    if (this.#hasJustGrown) this.#growAfter = Math.min(this.#growAfter * 2, MAX_GROWTH_AFTER)
    this.#hasJustGrown = false
    this.#served = 0
    this.#blocks = blocks / 2n
  }

  /** What was refused was refused for another reason. */
  forgive(blocks: bigint): void {
    this.#blocks = blocks
    this.#served = 0
  }
}

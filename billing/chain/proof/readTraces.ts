import pLimit, { type LimitFunction } from 'p-limit'
import type { Address, Hash } from 'viem'
import { z } from 'zod'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { blockTrace } from '../rpc/wire.ts'
import { type ProvenTransfer, transfersFromTrace } from './transfers.ts'

/** What the trace of one transaction shows, or why it cannot be had. */
export type TraceReading =
  | { kind: 'read'; transfers: ProvenTransfer[] }
  | { kind: 'unreadable'; error: unknown }

/** From this many transactions on, the whole block is traced at once instead of each transaction by itself. */
export const MIN_TRANSACTIONS_FOR_WHOLE_BLOCK = 8

/** A frame takes some 500 bytes and its calldata: ten thousand payments in one transaction are less. */
const MAX_TRACE_BYTES = 8 * 1024 * 1024
const MAX_BLOCK_TRACES_BYTES = 32 * 1024 * 1024

/** Traces of one RPC read at once: what is read is in memory, and the RPC's other questions need their turns. */
const MAX_TRACES_AT_ONCE = 6
/** Nodes give up a trace after five seconds themselves. */
const TRACE_TIMEOUT_MS = 5_000
/** A block that takes longer is traced transaction by transaction. */
const MAX_BLOCK_TRACE_MS = 3_000
/** Most traces take a few milliseconds: many slow ones together have no more than this each. */
const MIN_TRACE_MS = 500

const CALL_TRACER = { tracer: 'callTracer' }

/**
 * Traces transactions of a block on one RPC and reads the ETH payments to the wallet out of each. Where a trace fails, is
 * too large, too slow or of another shape, that concerns its own transaction only.
 *
 * Memory and time are bounded, whatever an attacker has put into the block: an answer may have 8 MB for a transaction and
 * 32 MB for a block, six are read at once, and where many transactions are asked for, each has less of the time, so that a
 * hundred slow ones delay one among them by seconds.
 *
 * @param timeoutMs for one transaction.
 */
export async function readTraces(
  endpoint: RpcEndpoint,
  wallet: Address,
  {
    blockHash,
    txHashes,
    timeoutMs = TRACE_TIMEOUT_MS,
    wholeFrom = MIN_TRANSACTIONS_FOR_WHOLE_BLOCK,
  }: {
    blockHash: Hash
    txHashes: Hash[]
    timeoutMs?: number | undefined
    wholeFrom?: number
  },
): Promise<Map<Hash, TraceReading>> {
  const { lane } = boundsOf(endpoint)
  const isWhole = txHashes.length >= wholeFrom
  const whole = isWhole
    ? await lane(() => readBlock(endpoint, wallet, blockHash, Math.min(timeoutMs, MAX_BLOCK_TRACE_MS)))
    : new Map<Hash, TraceReading>()
  const rest = txHashes.filter((txHash) => whole.get(txHash)?.kind !== 'read')
  const shareMs = Math.floor((timeoutMs * MAX_TRACES_AT_ONCE) / Math.max(rest.length, MAX_TRACES_AT_ONCE))
  const ownTimeoutMs = Math.min(timeoutMs, Math.max(shareMs, MIN_TRACE_MS))
  const alone = await Promise.all(
    rest.map((txHash) => lane(() => readTransaction(endpoint, wallet, txHash, ownTimeoutMs))),
  )
  return new Map([...whole, ...alone])
}

async function readTransaction(
  endpoint: RpcEndpoint,
  wallet: Address,
  txHash: Hash,
  timeoutMs: number,
): Promise<[Hash, TraceReading]> {
  try {
    const bounds = { timeoutMs, maxBytes: MAX_TRACE_BYTES }
    const trace = await endpoint.request('debug_traceTransaction', [txHash, CALL_TRACER], z.unknown(), bounds)
    return [txHash, { kind: 'read', transfers: transfersFromTrace(trace, wallet) }]
  } catch (error) {
    return [txHash, { kind: 'unreadable', error }]
  }
}

/**
 * Without those that have no trace there: each is asked about by itself. Empty where the node cannot trace the block as a
 * whole, or does not say whose trace is whose.
 */
async function readBlock(
  endpoint: RpcEndpoint,
  wallet: Address,
  blockHash: Hash,
  timeoutMs: number,
): Promise<Map<Hash, TraceReading>> {
  const { untraceable } = boundsOf(endpoint)
  if (untraceable.has(blockHash)) return new Map()
  try {
    const bounds = { timeoutMs, maxBytes: MAX_BLOCK_TRACES_BYTES }
    const params = [blockHash, CALL_TRACER]
    const traces = await endpoint.request('debug_traceBlockByHash', params, blockTrace, bounds)
    return new Map(
      traces.flatMap(({ txHash, result }): [Hash, TraceReading][] => {
        if (txHash === undefined || result == null) return []
        try {
          return [[txHash, { kind: 'read', transfers: transfersFromTrace(result, wallet) }]]
        } catch {
          return []
        }
      }),
    )
  } catch {
    if (untraceable.size >= MAX_UNTRACEABLE_BLOCKS) untraceable.clear()
    untraceable.add(blockHash)
    return new Map()
  }
}

/** What bounds the traces of one RPC. */
interface Bounds {
  lane: LimitFunction
  /** Blocks that it could not trace as a whole: asking again costs it much, and everybody in the block time. */
  untraceable: Set<Hash>
}

const MAX_UNTRACEABLE_BLOCKS = 1_000
const ofEndpoint = new WeakMap<RpcEndpoint, Bounds>()

function boundsOf(endpoint: RpcEndpoint): Bounds {
  const known = ofEndpoint.get(endpoint) ?? { lane: pLimit(MAX_TRACES_AT_ONCE), untraceable: new Set() }
  ofEndpoint.set(endpoint, known)
  return known
}

import type { Address, Hash, Hex } from 'viem'
import { z } from 'zod'
import type { RpcEndpoint } from './rpcEndpoint.ts'

/**
 * The shapes that JSON-RPC answers must have. An RPC is somebody else's machine: an answer of another shape counts as no
 * answer. Everything is lower-cased here, once.
 */
const hex = (pattern: RegExp) => z.string().regex(pattern)

/** A quantity of at most 256 bits. */
export const quantity = hex(/^0x[0-9a-fA-F]{1,64}$/).transform((value) => BigInt(value))
export const hash = hex(/^0x[0-9a-fA-F]{64}$/).transform((value) => value.toLowerCase() as Hash)
const address = hex(/^0x[0-9a-fA-F]{40}$/).transform((value) => value.toLowerCase() as Address)
/**
 * Bytes whose sender chose how many. Longer than what any call or log of a payment has, they are kept as they came and not
 * looked at digit by digit: nothing here reads them, and a receipt may hold megabytes of them.
 */
const MAX_READ_DATA_CHARACTERS = 4_096
const isData = (text: string) =>
  text.length % 2 === 0 &&
  (text.length > MAX_READ_DATA_CHARACTERS ? text.startsWith('0x') : /^0x[0-9a-fA-F]*$/.test(text))
const readData = (text: string) => (text.length > MAX_READ_DATA_CHARACTERS ? text : text.toLowerCase()) as Hex
const data = z.string().refine(isData).transform(readData)

/** The part of a block header that the gate reasons about. */
export const header = z.object({ number: quantity, hash, timestamp: quantity })
export type Header = z.output<typeof header>

/** A log, of a receipt or of eth_getLogs. */
export interface WireLog {
  address: Address
  topics: Hash[]
  data: Hex
  logIndex: bigint
  blockHash: Hash
  blockNumber: bigint
  transactionHash: Hash
  removed?: boolean
}

const HASH = /^0x[0-9a-fA-F]{64}$/
const ADDRESS = /^0x[0-9a-fA-F]{40}$/
const QUANTITY = /^0x[0-9a-fA-F]{1,64}$/
const isText = (value: unknown, pattern: RegExp): value is string =>
  typeof value === 'string' && value.length <= 66 && pattern.test(value)

/**
 * Reads one log; null where it has another shape. By hand: who sends a transaction decides how many logs it has, and a zod
 * object of these fields takes some fifty times as long for each.
 */
function readLog(value: unknown): WireLog | null {
  if (typeof value !== 'object' || value === null) return null
  const { address, topics, data, logIndex, blockHash, blockNumber, transactionHash, removed } =
    value as Record<string, unknown>
  if (!isText(address, ADDRESS) || !isText(blockHash, HASH) || !isText(transactionHash, HASH)) return null
  if (!isText(logIndex, QUANTITY) || !isText(blockNumber, QUANTITY)) return null
  if (!Array.isArray(topics) || !topics.every((topic) => isText(topic, HASH))) return null
  if (typeof data !== 'string' || !isData(data) || (removed !== undefined && typeof removed !== 'boolean')) {
    return null
  }
  return {
    address: address.toLowerCase() as Address,
    topics: topics.map((topic: string) => topic.toLowerCase() as Hash),
    data: readData(data),
    logIndex: BigInt(logIndex),
    blockHash: blockHash.toLowerCase() as Hash,
    blockNumber: BigInt(blockNumber),
    transactionHash: transactionHash.toLowerCase() as Hash,
    ...(removed === undefined ? {} : { removed }),
  }
}

/** The logs of a receipt, or of eth_getLogs. */
export const logs = z.unknown().transform((value, context): WireLog[] => {
  const read = Array.isArray(value) ? value.map(readLog) : [null]
  if (read.every((one) => one !== null)) return read
  context.issues.push({ code: 'custom', input: value, message: 'is no list of logs' })
  return z.NEVER
})

export const receipt = z.object({
  transactionHash: hash,
  blockHash: hash,
  blockNumber: quantity,
  status: z.enum(['0x0', '0x1']),
  to: address.nullish(),
  gasUsed: quantity,
  logs,
})
export type WireReceipt = z.output<typeof receipt>

export const transaction = z.object({
  hash,
  from: address,
  to: address.nullable(),
  value: quantity,
  input: data,
  blockHash: hash.nullable(),
  blockNumber: quantity.nullable(),
})
export type WireTransaction = z.output<typeof transaction>

/** debug_traceBlockByHash: one entry per transaction, in order; some nodes name the transaction, some do not. */
export const blockTrace = z.array(z.object({ txHash: hash.optional(), result: z.unknown() }))

/** One frame of debug_trace…'s callTracer, without its children: transfersFromTrace walks those. */
export interface CallFrame {
  type: string
  from: Address
  to: Address | null
  value: bigint
  failed: boolean
  calls: unknown[]
}

/** Reads one frame; null where it has another shape. By hand, as {@link readLog}: the sender decides how many there are. */
export function readCallFrame(value: unknown): CallFrame | null {
  if (typeof value !== 'object' || value === null) return null
  const { type, from, to, value: wei, error, calls } = value as Record<string, unknown>
  if (typeof type !== 'string' || !isText(from, ADDRESS)) return null
  if (to != null && !isText(to, ADDRESS)) return null
  if (wei != null && !isText(wei, QUANTITY)) return null
  if ((error != null && typeof error !== 'string') || (calls != null && !Array.isArray(calls))) return null
  return {
    type: type.toUpperCase(),
    from: from.toLowerCase() as Address,
    to: to == null ? null : (to.toLowerCase() as Address),
    value: wei == null ? 0n : BigInt(wei),
    failed: error != null,
    calls: calls ?? [],
  }
}

/**
 * Asks an RPC which chain it serves. Asked with every proof, not once at the start: if a provider switches us to another
 * chain in the middle of a run, that chain's play money must not be credited.
 */
export async function readChainId(endpoint: RpcEndpoint): Promise<number> {
  return Number(await endpoint.request('eth_chainId', [], quantity))
}

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
const data = hex(/^0x([0-9a-fA-F]{2})*$/).transform((value) => value.toLowerCase() as Hex)

/** The part of a block header that the gate reasons about. */
export const header = z.object({ number: quantity, hash, timestamp: quantity })
export type Header = z.output<typeof header>

export const log = z.object({
  address,
  topics: z.array(hash),
  data,
  logIndex: quantity,
  blockHash: hash,
  blockNumber: quantity,
  transactionHash: hash,
  removed: z.boolean().optional(),
})
export type WireLog = z.output<typeof log>

export const receipt = z.object({
  transactionHash: hash,
  blockHash: hash,
  blockNumber: quantity,
  status: z.enum(['0x0', '0x1']),
  to: address.nullish(),
  gasUsed: quantity,
  logs: z.array(log),
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
export const callFrame = z.object({
  type: z.string().transform((type) => type.toUpperCase()),
  from: address,
  to: address.nullish(),
  value: quantity.nullish(),
  error: z.string().nullish(),
  calls: z.array(z.unknown()).nullish(),
})

/**
 * Asks an RPC which chain it serves. Asked with every proof, not once at the start: if a provider switches us to another
 * chain in the middle of a run, that chain's play money must not be credited.
 */
export async function readChainId(endpoint: RpcEndpoint): Promise<number> {
  return Number(await endpoint.request('eth_chainId', [], quantity))
}

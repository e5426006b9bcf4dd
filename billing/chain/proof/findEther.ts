import pLimit from 'p-limit'
import { type Address, type Hash, numberToHex } from 'viem'
import { z } from 'zod'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { failureOf, saysNoSuchMethod } from '../rpc/rpcError.ts'
import { blockTrace, hash, quantity, receipt, transaction, type WireTransaction } from '../rpc/wire.ts'
import { ownTransfers } from './readEther.ts'
import { readTraces } from './readTraces.ts'
import type { ProvenTransfer } from './transfers.ts'

/** ETH that one RPC shows, with where it shows it and by what. */
export interface FoundEther extends ProvenTransfer {
  txHash: Hash
  blockNumber: bigint
  blockHash: Hash
  by: 'traces' | 'transactions'
}

/** A transaction whose trace cannot be had: what else it pays is not known. */
export interface UntracedTransaction {
  txHash: Hash
  blockNumber: bigint
  blockHash: Hash
}

/** Each holds a block's transactions and traces in memory. */
const MAX_BLOCKS_AT_ONCE = 2

const wholeBlock = z
  .object({ number: quantity, hash, transactions: z.array(z.looseObject({ hash })) })
  .nullable()
type WholeBlock = NonNullable<z.output<typeof wholeBlock>>

/**
 * Looks through blocks for ETH that was moved to the wallet, on one RPC. A transaction without a trace counts by its own
 * value, and is told as untraced. Costs one request per block by `transactions`, and two by `traces`.
 *
 * @returns null where the RPC does not have one of the blocks (yet).
 * @throws RpcError where it does not answer, or traces nothing at all just now.
 */
export async function findEther(
  endpoint: RpcEndpoint,
  wallet: Address,
  { fromBlock, toBlock, by }: { fromBlock: bigint; toBlock: bigint; by: FoundEther['by'] },
): Promise<{ found: FoundEther[]; untraced: UntracedTransaction[] } | null> {
  const limit = pLimit(MAX_BLOCKS_AT_ONCE)
  const numbers = Array.from(
    { length: Number(toBlock - fromBlock + 1n) },
    (_, index) => fromBlock + BigInt(index),
  )
  try {
    const read = await Promise.all(
      numbers.map((number) => limit(() => findInBlock(endpoint, wallet, number, by))),
    )
    const there = read.flatMap((one) => one ?? [])
    if (there.length < read.length) return null
    return { found: there.flatMap(({ found }) => found), untraced: there.flatMap(({ untraced }) => untraced) }
  } finally {
    limit.clearQueue()
  }
}

async function findInBlock(
  endpoint: RpcEndpoint,
  wallet: Address,
  number: bigint,
  by: FoundEther['by'],
): Promise<{ found: FoundEther[]; untraced: UntracedTransaction[] } | null> {
  const block = await endpoint.request('eth_getBlockByNumber', [numberToHex(number), true], wholeBlock)
  if (block === null) return null
  const at = { blockNumber: block.number, blockHash: block.hash }
  const traced = by === 'traces' ? await traceAll(endpoint, wallet, block) : new Map<Hash, ProvenTransfer[]>()
  const found: FoundEther[] = []
  const untraced: UntracedTransaction[] = []
  for (const one of block.transactions) {
    const shown = traced.get(one.hash)
    if (shown !== undefined) {
      found.push(...shown.map((transfer) => ({ ...transfer, ...at, txHash: one.hash, by })))
      continue
    }
    if (by === 'traces') untraced.push({ ...at, txHash: one.hash })
    const { data: sent } = transaction.safeParse(one)
    for (const transfer of sent === undefined ? [] : await succeeded(endpoint, sent, wallet)) {
      found.push({ ...transfer, ...at, txHash: one.hash, by: 'transactions' })
    }
  }
  return { found, untraced }
}

/** What a transaction pays by its own value. One that failed pays nothing; where nobody says, it counts. */
async function succeeded(
  endpoint: RpcEndpoint,
  sent: WireTransaction,
  wallet: Address,
): Promise<ProvenTransfer[]> {
  const transfers = ownTransfers(sent, wallet)
  if (transfers.length === 0) return []
  try {
    const mined = await endpoint.request('eth_getTransactionReceipt', [sent.hash], receipt.nullable())
    return mined?.status === '0x0' ? [] : transfers
  } catch {
    return transfers
  }
}

/** By transaction, without those whose trace cannot be had. */
async function traceAll(
  endpoint: RpcEndpoint,
  wallet: Address,
  block: WholeBlock,
): Promise<Map<Hash, ProvenTransfer[]>> {
  const txHashes = block.transactions.map((one) => one.hash)
  const readings = await readTraces(endpoint, wallet, { blockHash: block.hash, txHashes, wholeFrom: 2 })
  const traced = new Map<Hash, ProvenTransfer[]>()
  let refusal: unknown = null
  for (const [txHash, reading] of readings) {
    if (reading.kind === 'read') traced.set(txHash, reading.transfers)
    else if (isOfThisTrace(reading.error)) refusal = reading.error
    else throw reading.error
  }
  if (refusal !== null && traced.size === 0 && !(await tracesAtAll(endpoint, block.number))) throw refusal
  return traced
}

/** Whether an RPC that is well, and can trace, does not give this one trace. */
function isOfThisTrace(error: unknown): boolean {
  if (saysNoSuchMethod(error)) return false
  const failure = failureOf(error)
  switch (failure?.kind) {
    case 'response':
      return !failure.isRateLimit
    case 'too_large':
    case 'shape':
      return true
    case 'transport':
      return failure.timedOut
    default:
      return false
  }
}

/** Blocks below one of which nothing can be traced that are tried: whose fault it is must be known. */
const MAX_BLOCKS_TRIED = 8
const TRY_TIMEOUT_MS = 2_000
const OUTER_CALLS = { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } }

/**
 * Whether the RPC traces anything, where it could trace no transaction of a block: if not, the traces are away, and the
 * block waits for them; if it does, it is the block.
 */
async function tracesAtAll(endpoint: RpcEndpoint, blockNumber: bigint): Promise<boolean> {
  for (let below = 1n; below <= BigInt(MAX_BLOCKS_TRIED) && below <= blockNumber; below++) {
    try {
      const params = [numberToHex(blockNumber - below), OUTER_CALLS]
      const traces = await endpoint.request('debug_traceBlockByNumber', params, blockTrace, {
        timeoutMs: TRY_TIMEOUT_MS,
      })
      if (traces.length === 0 || traces.some(({ result }) => result != null)) return true
    } catch {
      // The next one may be.
    }
  }
  return false
}

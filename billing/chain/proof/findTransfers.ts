import { type Address, type Hash, numberToHex, pad } from 'viem'
import { z } from 'zod'
import { gather } from '../rpc/agree.ts'
import { readLogs } from '../rpc/readLogs.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { failureOf, saysNoSuchMethod } from '../rpc/rpcError.ts'
import { blockTrace, hash, quantity, readChainId, transaction, type WireTransaction } from '../rpc/wire.ts'
import type { EvidenceContext } from './evidence.ts'
import { type ProvenTransfer, TRANSFER_TOPIC, transfersFromReceipt, transfersFromTrace } from './transfers.ts'

/** A transfer that some RPC shows: a candidate for the gate, not a proof. */
export interface FoundTransfer extends ProvenTransfer {
  txHash: Hash
  blockNumber: bigint
  blockHash: Hash
}

/**
 * Looks for transfers to the wallet without the indexer: for those it missed or was never told to look at. Returns the
 * union of what the RPCs show, since each candidate is proven afterwards anyway. Throws when none of them answers.
 */
export async function findTransfers(
  endpoints: RpcEndpoint[],
  context: EvidenceContext,
  range: { fromBlock: bigint; toBlock: bigint; ether: boolean },
): Promise<FoundTransfer[]> {
  const ask = async (endpoint: RpcEndpoint) => {
    const answeredChainId = await readChainId(endpoint)
    if (answeredChainId !== context.chainId) {
      return { kind: 'wrong_chain' as const, chainId: answeredChainId }
    }
    const tokens = await findTokenTransfers(endpoint, context, range)
    const ether = range.ether ? await findEtherTransfers(endpoint, context, range) : []
    return { kind: 'answer' as const, value: [...tokens, ...ether] }
  }
  // What one does not show another may: every RPC that is well is waited for.
  const answers = await gather<FoundTransfer[]>(endpoints, ask, () => null)
  const given = answers.flatMap((answer) => (answer.kind === 'answer' ? [answer.value] : []))
  if (given.length === 0) {
    throw new Error(
      `no RPC of chain ${context.chainId} answered for blocks ${range.fromBlock}–${range.toBlock}`,
    )
  }
  return unionByDeposit(given)
}

/** Sums each RPC's transfers per deposit, then keeps the largest sum that any of them shows. */
function unionByDeposit(lists: FoundTransfer[][]): FoundTransfer[] {
  const union = new Map<string, FoundTransfer>()
  for (const list of lists) {
    const sums = new Map<string, FoundTransfer>()
    for (const transfer of list) {
      const key = [transfer.blockHash, transfer.txHash, transfer.asset, transfer.payer].join()
      const sum = (sums.get(key)?.amountBaseUnits ?? 0n) + transfer.amountBaseUnits
      sums.set(key, { ...transfer, amountBaseUnits: sum })
    }
    for (const [key, transfer] of sums) {
      if (transfer.amountBaseUnits > (union.get(key)?.amountBaseUnits ?? 0n)) union.set(key, transfer)
    }
  }
  return [...union.values()]
}

async function findTokenTransfers(
  endpoint: RpcEndpoint,
  { tokens, wallet }: EvidenceContext,
  range: { fromBlock: bigint; toBlock: bigint },
): Promise<FoundTransfer[]> {
  if (tokens.size === 0) return []
  const filter = { address: [...tokens.keys()], topics: [TRANSFER_TOPIC, null, pad(wallet)] }
  const logs = await readLogs(endpoint, filter, range)
  return logs.flatMap((found) =>
    transfersFromReceipt({ logs: [found] }, tokens, wallet).map((transfer) => ({
      ...transfer,
      txHash: found.transactionHash,
      blockNumber: found.blockNumber,
      blockHash: found.blockHash,
    })),
  )
}

const wholeBlock = z.object({ number: quantity, hash, transactions: z.array(transaction) }).nullable()

async function findEtherTransfers(
  endpoint: RpcEndpoint,
  { wallet, ethDetection }: EvidenceContext,
  { fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint },
): Promise<FoundTransfer[]> {
  const found: FoundTransfer[] = []
  for (let number = fromBlock; number <= toBlock; number++) {
    const block = await endpoint.request('eth_getBlockByNumber', [numberToHex(number), true], wholeBlock)
    if (block === null || block.transactions.length === 0) continue
    const traces = ethDetection === 'traces' ? await readTraces(endpoint, block) : new Map<Hash, unknown>()
    for (const sent of block.transactions) {
      for (const transfer of transfersOf(sent, traces.get(sent.hash), wallet)) {
        found.push({ ...transfer, txHash: sent.hash, blockNumber: block.number, blockHash: block.hash })
      }
    }
  }
  return found
}

/** By its trace; by its own fields where there is none, so that a candidate is not lost with it. */
function transfersOf(sent: WireTransaction, trace: unknown, wallet: Address): ProvenTransfer[] {
  if (trace != null) {
    try {
      return transfersFromTrace(trace, wallet)
    } catch (error) {
      if (failureOf(error)?.kind !== 'shape') throw error
    }
  }
  const pays = sent.to === wallet && sent.from !== wallet && sent.value > 0n
  return pays ? [{ asset: 'eth', payer: sent.from, amountBaseUnits: sent.value }] : []
}

const CALL_TRACER = { tracer: 'callTracer' }

/** Traces of a block by transaction, without those that cannot be had: one that cannot be traced hides no other. */
async function readTraces(
  endpoint: RpcEndpoint,
  { hash: blockHash, transactions }: { hash: Hash; transactions: WireTransaction[] },
): Promise<Map<Hash, unknown>> {
  try {
    const traces = await endpoint.request('debug_traceBlockByHash', [blockHash, CALL_TRACER], blockTrace)
    return new Map(
      traces.flatMap(({ txHash, result }, index) => {
        const named = txHash ?? transactions[index]?.hash
        return named === undefined ? [] : [[named, result] as const]
      }),
    )
  } catch (error) {
    if (!isOfThisTrace(error)) throw error
  }
  const traced = await Promise.all(
    transactions.map(async ({ hash: txHash }) => {
      try {
        return [
          txHash,
          await endpoint.request('debug_traceTransaction', [txHash, CALL_TRACER], z.unknown()),
        ] as const
      } catch (error) {
        if (!isOfThisTrace(error)) throw error
        return [txHash, null] as const
      }
    }),
  )
  return new Map(traced)
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

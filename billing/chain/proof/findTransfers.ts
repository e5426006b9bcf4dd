import { type Hash, numberToHex, pad } from 'viem'
import { z } from 'zod'
import { gather } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { blockTrace, hash, log, quantity, readChainId, transaction } from '../rpc/wire.ts'
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
  const answers = await gather<FoundTransfer[]>(endpoints, async (endpoint) => {
    const answeredChainId = await readChainId(endpoint)
    if (answeredChainId !== context.chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    const tokens = await findTokenTransfers(endpoint, context, range)
    const ether = range.ether ? await findEtherTransfers(endpoint, context, range) : []
    return { kind: 'answer', value: [...tokens, ...ether] }
  })
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
  { fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint },
): Promise<FoundTransfer[]> {
  if (tokens.size === 0) return []
  const filter = {
    fromBlock: numberToHex(fromBlock),
    toBlock: numberToHex(toBlock),
    address: [...tokens.keys()],
    topics: [TRANSFER_TOPIC, null, pad(wallet)],
  }
  const logs = await endpoint.request('eth_getLogs', [filter], z.array(log))
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
  context: EvidenceContext,
  { fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint },
): Promise<FoundTransfer[]> {
  const found: FoundTransfer[] = []
  for (let number = fromBlock; number <= toBlock; number++) {
    const block = await endpoint.request('eth_getBlockByNumber', [numberToHex(number), true], wholeBlock)
    if (block === null || block.transactions.length === 0) continue
    const place = { blockNumber: block.number, blockHash: block.hash }
    if (context.ethDetection === 'transactions') {
      for (const sent of block.transactions) {
        if (sent.to !== context.wallet || sent.value === 0n || sent.from === context.wallet) continue
        found.push({
          asset: 'eth',
          payer: sent.from,
          amountBaseUnits: sent.value,
          txHash: sent.hash,
          ...place,
        })
      }
      continue
    }
    const traces = await endpoint.request(
      'debug_traceBlockByHash',
      [block.hash, { tracer: 'callTracer' }],
      blockTrace,
    )
    for (const [index, { txHash, result }] of traces.entries()) {
      const named = txHash ?? block.transactions[index]?.hash
      if (named === undefined) continue
      for (const transfer of transfersFromTrace(result, context.wallet)) {
        found.push({ ...transfer, txHash: named, ...place })
      }
    }
  }
  return found
}

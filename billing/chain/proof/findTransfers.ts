import { type Hash, pad } from 'viem'
import { readHeader } from '../readHead.ts'
import { gather } from '../rpc/agree.ts'
import { readLogs } from '../rpc/readLogs.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { readChainId } from '../rpc/wire.ts'
import type { EvidenceContext } from './evidence.ts'
import { type FoundEther, findEther, type UntracedTransaction } from './findEther.ts'
import { type ProvenTransfer, TRANSFER_TOPIC, transfersFromReceipt } from './transfers.ts'

/** A transfer that some RPC shows: a candidate for the gate, not a proof. */
export interface FoundTransfer extends ProvenTransfer {
  txHash: Hash
  blockNumber: bigint
  blockHash: Hash
  /** How it was seen. */
  by: 'logs' | FoundEther['by']
}

/** Which blocks to search, and for what. */
export interface SearchRange {
  fromBlock: bigint
  /** Inclusive. */
  toBlock: bigint
  /** Token transfers too, unless told. */
  tokens?: boolean
  /** `transactions`: only what transactions pay by their own value, although the chain is searched by traces. */
  ether: boolean | 'transactions'
  /** Hears of transactions that no RPC can trace. */
  onUntraced?: (transactions: UntracedTransaction[]) => void
}

/**
 * Looks for transfers to the wallet without the indexer: for those it missed or was never told to look at. Returns the
 * union of what the RPCs show, since each candidate is proven afterwards anyway. Throws when none of them has all of the
 * blocks and answers for them.
 */
export async function findTransfers(
  endpoints: RpcEndpoint[],
  context: EvidenceContext,
  range: SearchRange,
): Promise<FoundTransfer[]> {
  const by = range.ether === 'transactions' ? 'transactions' : context.ethDetection
  const ask = async (endpoint: RpcEndpoint) => {
    const [answeredChainId, last] = await Promise.all([
      readChainId(endpoint),
      readHeader(endpoint, range.toBlock),
    ])
    if (answeredChainId !== context.chainId) {
      return { kind: 'wrong_chain' as const, chainId: answeredChainId }
    }
    // Asked for logs of blocks that it does not have yet, a node answers that there are none.
    if (last === null) return { kind: 'behind' as const }
    const tokens = range.tokens === false ? [] : await findTokenTransfers(endpoint, context, range)
    if (range.ether === false) return { kind: 'answer' as const, value: { found: tokens, untraced: [] } }
    const ether = await findEther(endpoint, context.wallet, { ...range, by })
    if (ether === null) return { kind: 'behind' as const }
    const { found, untraced } = ether
    return { kind: 'answer' as const, value: { found: [...tokens, ...found], untraced } }
  }
  // What one does not show another may: every RPC that is well is waited for.
  const answers = await gather<Found>(endpoints, ask, () => null)
  const given = answers.flatMap((answer) => (answer.kind === 'answer' ? [answer.value] : []))
  if (given.length === 0) {
    throw new Error(
      `no RPC of chain ${context.chainId} answered for blocks ${range.fromBlock}–${range.toBlock}`,
    )
  }
  const untraced = untracedByAll(given)
  if (untraced.length > 0) range.onUntraced?.(untraced)
  return unionByDeposit(given.map(({ found }) => found))
}

/** What one RPC shows. */
interface Found {
  found: FoundTransfer[]
  untraced: UntracedTransaction[]
}

/** What one of them could trace has been seen. */
function untracedByAll(given: Found[]): UntracedTransaction[] {
  const keyOf = ({ blockHash, txHash }: UntracedTransaction) => `${blockHash} ${txHash}`
  const [first, ...others] = given.map(({ untraced }) => new Map(untraced.map((one) => [keyOf(one), one])))
  return [...(first ?? [])].flatMap(([key, one]) => (others.every((other) => other.has(key)) ? [one] : []))
}

/** Sums each RPC's transfers per deposit, then keeps the largest sum that any of them shows, by the strongest way. */
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
      const other = union.get(key)
      const isMore = transfer.amountBaseUnits > (other?.amountBaseUnits ?? 0n)
      const isStronger = transfer.amountBaseUnits === other?.amountBaseUnits && transfer.by === 'traces'
      if (isMore || isStronger) union.set(key, transfer)
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
      by: 'logs' as const,
      txHash: found.transactionHash,
      blockNumber: found.blockNumber,
      blockHash: found.blockHash,
    })),
  )
}

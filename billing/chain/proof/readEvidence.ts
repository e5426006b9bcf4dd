import { type Hash, numberToHex } from 'viem'
import { z } from 'zod'
import type { Asset } from '../../config/config.ts'
import type { OracleReading } from '../../pricing/oracleReading.ts'
import { readBalances } from '../contracts/readBalances.ts'
import { readOracle } from '../contracts/readOracle.ts'
import { readHeader } from '../readHead.ts'
import type { Answer } from '../rpc/agree.ts'
import { type ChainState, openState, StateUnavailableError } from '../rpc/openState.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { describeRpcFailure, shapeError } from '../rpc/rpcError.ts'
import { type Header, readChainId, receipt, type WireReceipt } from '../rpc/wire.ts'
import type {
  BlockReading,
  Evidence,
  EvidenceContext,
  EvidenceRequest,
  TransactionEvidence,
  TransactionReading,
} from './evidence.ts'
import { readEther } from './readEther.ts'
import { readTokenShortfalls } from './readTokenShortfalls.ts'
import { MIN_TRANSACTIONS_FOR_WHOLE_BLOCK } from './readTraces.ts'
import { type ProvenTransfer, transfersFromReceipt } from './transfers.ts'

/**
 * Asks one RPC for the proof of a block's payments: that the block is canonical, each receipt's status and block, the
 * exact logs and call frames, the payers' AXGT, that the wallet received what the logs say, and what the price sources say.
 *
 * A transaction whose receipt or trace cannot be had is told apart from the others. Costs 3 requests per block and 1 or 2
 * per transaction, or 6 for a block however many transactions it holds. The state costs one eth_call, and a second one
 * where tokens were paid.
 */
export async function readEvidence(
  endpoint: RpcEndpoint,
  settings: EvidenceContext,
  request: EvidenceRequest,
): Promise<Answer<BlockReading>> {
  const context = { ...settings, ...request.under }
  const [answeredChainId, block] = await Promise.all([
    readChainId(endpoint),
    readHeader(endpoint, request.block.number),
  ])
  if (answeredChainId !== context.chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
  if (block === null) return { kind: 'behind' }
  if (block.hash !== request.block.hash) {
    return { kind: 'answer', value: { canonical: false, canonicalHash: block.hash } }
  }
  const transactions = await readTransactions(endpoint, context, request)
  const read = transactions.flatMap((one) => (one.kind === 'read' ? [one.evidence] : []))
  const state = request.state ? await readState(endpoint, context, block, read) : NO_STATE
  if (state.kind === 'state_unavailable') return state

  // State is asked for by height: it is this block's only if the block is still canonical afterwards.
  const after = await readHeader(endpoint, request.block.number)
  if (after?.hash !== request.block.hash) return { kind: 'behind' }
  return {
    kind: 'answer',
    value: { canonical: true, timestamp: block.timestamp, transactions, ...state.evidence },
  }
}

async function readTransactions(
  endpoint: RpcEndpoint,
  context: EvidenceContext,
  request: EvidenceRequest,
): Promise<TransactionReading[]> {
  const receipts = await readReceipts(endpoint, request)
  const paying = request.transactions.flatMap(({ txHash, ether }) => {
    const found = receipts.get(txHash)
    return ether && found?.kind === 'read' && found.receipt.status === '0x1' ? [found.receipt] : []
  })
  const { block, traceTimeoutMs } = request
  const ether = await readEther(endpoint, context, { block, receipts: paying, traceTimeoutMs })
  return request.transactions.map(({ txHash }): TransactionReading => {
    const found = receipts.get(txHash)
    if (found === undefined) return { kind: 'behind', txHash }
    if (found.kind === 'unreadable') return { kind: 'unreadable', txHash, why: found.why }
    const succeeded = found.receipt.status === '0x1'
    const moved = ether.get(txHash)
    if (moved?.kind === 'behind') return { kind: 'behind', txHash }
    if (moved?.kind === 'unreadable') return { kind: 'unreadable', txHash, why: moved.why }
    const tokens = succeeded ? transfersFromReceipt(found.receipt, context.tokens, context.wallet) : []
    const transfers = sumTransfers([...tokens, ...(moved?.transfers ?? [])])
    return { kind: 'read', evidence: { txHash, succeeded, transfers } }
  })
}

/** The part of the evidence that is state: available only as long as the node keeps it. */
type StateEvidence = Pick<Extract<Evidence, { canonical: true }>, 'axgtBalances' | 'shortfalls' | 'oracle'>

const NO_STATE: { kind: 'read'; evidence: StateEvidence } = {
  kind: 'read',
  evidence: { axgtBalances: [], shortfalls: [], oracle: null },
}

/** Asks for everything in one tick, so it takes one eth_call for the block and one for the block before it. */
async function readState(
  endpoint: RpcEndpoint,
  context: EvidenceContext,
  block: Header,
  transactions: TransactionEvidence[],
): Promise<{ kind: 'read'; evidence: StateEvidence } | { kind: 'state_unavailable'; why: string }> {
  const after = openState(endpoint, block.number)
  const before = openState(endpoint, block.number - 1n)
  try {
    const [axgtBalances, shortfalls, oracle] = await Promise.all([
      readAxgtBalances(after, context, transactions),
      readTokenShortfalls(endpoint, context, block, { states: { before, after }, transactions }),
      readPrices(after, context, block, transactions),
    ])
    return { kind: 'read', evidence: { axgtBalances, shortfalls, oracle } }
  } catch (error) {
    if (error instanceof StateUnavailableError) return { kind: 'state_unavailable', why: error.message }
    throw error
  }
}

type ReceiptReading = { kind: 'read'; receipt: WireReceipt } | { kind: 'unreadable'; why: string }

/** Without those that the RPC does not have, or has in another block: it contradicts itself for now. */
async function readReceipts(
  endpoint: RpcEndpoint,
  { block, transactions }: EvidenceRequest,
): Promise<Map<Hash, ReceiptReading>> {
  const wanted = transactions.map(({ txHash }) => txHash)
  const isWhole = wanted.length >= MIN_TRANSACTIONS_FOR_WHOLE_BLOCK
  const whole = isWhole ? await readBlockReceipts(endpoint, block.number) : null
  const ofBlock = new Map(
    (whole ?? []).flatMap((mined) =>
      mined.blockHash === block.hash ? [[mined.transactionHash, mined] as const] : [],
    ),
  )
  const found = await Promise.all(
    wanted.map(async (txHash): Promise<[Hash, ReceiptReading][]> => {
      try {
        const mined =
          ofBlock.get(txHash) ??
          (await endpoint.request('eth_getTransactionReceipt', [txHash], receipt.nullable()))
        const isHere = mined?.transactionHash === txHash && mined.blockHash === block.hash
        return isHere ? [[txHash, { kind: 'read', receipt: mined }]] : []
      } catch (error) {
        return [[txHash, { kind: 'unreadable', why: `has no receipt of it: ${describeRpcFailure(error)}` }]]
      }
    }),
  )
  return new Map(found.flat())
}

/** null where the node does not offer eth_getBlockReceipts, or not of this block. */
async function readBlockReceipts(endpoint: RpcEndpoint, blockNumber: bigint): Promise<WireReceipt[] | null> {
  try {
    const receipts = await endpoint.request(
      'eth_getBlockReceipts',
      [numberToHex(blockNumber)],
      z.array(z.unknown()).nullable(),
    )
    // One of a shape that we do not know is asked for by itself, and concerns nobody else.
    return (receipts ?? []).flatMap((one) => {
      const parsed = receipt.safeParse(one)
      return parsed.success ? [parsed.data] : []
    })
  } catch {
    return null
  }
}

/** Sums by asset and payer, in an order that does not depend on the RPC. Pure. */
export function sumTransfers(transfers: ProvenTransfer[]): ProvenTransfer[] {
  const sums = new Map<string, ProvenTransfer>()
  for (const transfer of transfers) {
    const key = `${transfer.asset}:${transfer.payer}`
    const sum = (sums.get(key)?.amountBaseUnits ?? 0n) + transfer.amountBaseUnits
    sums.set(key, { ...transfer, amountBaseUnits: sum })
  }
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
}

async function readAxgtBalances(
  state: ChainState,
  { axgtToken }: EvidenceContext,
  transactions: TransactionEvidence[],
): Promise<StateEvidence['axgtBalances']> {
  const payers = transactions.flatMap(({ transfers }) =>
    transfers.filter(({ asset }) => asset === 'eth').map(({ payer }) => payer),
  )
  const holders = [...new Set(payers)].sort()
  if (axgtToken === null || holders.length === 0) return []
  const balances = await readBalances(
    state,
    holders.map((holder) => ({ token: axgtToken, holder })),
  )
  return holders.flatMap((holder, index) => {
    const balance = balances[index]
    if (balance === undefined) throw shapeError('balanceOf')
    return [{ holder, balance }]
  })
}

/** null where no payment of the block is priced by the chain. */
async function readPrices(
  state: ChainState,
  { oracle: sources }: EvidenceContext,
  block: Header,
  transactions: TransactionEvidence[],
): Promise<OracleReading | null> {
  if (sources === null) return null
  const isPaid = (asset: Asset) =>
    transactions.some(({ transfers }) => transfers.some((transfer) => transfer.asset === asset))
  const pool = sources.pricesAxgt && isPaid('axgt')
  if (!pool && !(sources.pricesEth && isPaid('eth'))) return null
  return readOracle(state, sources, block, { pool })
}

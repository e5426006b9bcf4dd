import { type Address, type Hash, numberToHex } from 'viem'
import { z } from 'zod'
import type { Asset } from '../../config/config.ts'
import type { OracleReading } from '../../pricing/oracleReading.ts'
import { readBalances } from '../contracts/readBalances.ts'
import { readOracle } from '../contracts/readOracle.ts'
import { readHeader } from '../readHead.ts'
import type { Answer } from '../rpc/agree.ts'
import { type ChainState, openState, StateUnavailableError } from '../rpc/openState.ts'
import { type RpcEndpoint, RpcShapeError } from '../rpc/rpcEndpoint.ts'
import {
  blockTrace,
  type Header,
  hash,
  readChainId,
  receipt,
  transaction,
  type WireReceipt,
} from '../rpc/wire.ts'
import type { Evidence, EvidenceContext, EvidenceRequest, TransactionEvidence } from './evidence.ts'
import { readTokenShortfalls } from './readTokenShortfalls.ts'
import { type ProvenTransfer, transfersFromReceipt, transfersFromTrace } from './transfers.ts'

/** From this many transactions of one block on, the whole block is asked for once rather than each by itself. */
const WHOLE_BLOCK_FROM = 8

/**
 * Asks one RPC for the proof of a block's payments: that the block is canonical, each receipt's status and block, the
 * very logs and call frames, the payers' AXGT, that the wallet gained what the logs say, and what the price sources say.
 *
 * Costs 3 requests a block and 1 or 2 a transaction, or 6 for a block however many it holds; and for the state one
 * eth_call, a second one where tokens were paid.
 */
export async function readEvidence(
  endpoint: RpcEndpoint,
  context: EvidenceContext,
  request: EvidenceRequest,
): Promise<Answer<Evidence>> {
  const [answeredChainId, block] = await Promise.all([
    readChainId(endpoint),
    readHeader(endpoint, request.block.number),
  ])
  if (answeredChainId !== context.chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
  if (block === null) return { kind: 'behind' }
  if (block.hash !== request.block.hash) {
    return { kind: 'answer', value: { canonical: false, canonicalHash: block.hash } }
  }
  const receipts = await readReceipts(endpoint, request)
  if (receipts === null) return { kind: 'behind' }
  const ether = await readEther(endpoint, context, request, receipts)
  if (ether === null) return { kind: 'behind' }
  const transactions = request.transactions.map(({ txHash }) => {
    const mined = receipts.get(txHash)
    const succeeded = mined?.status === '0x1'
    const tokens = mined && succeeded ? transfersFromReceipt(mined, context.tokens, context.wallet) : []
    return { txHash, succeeded, transfers: sumTransfers([...tokens, ...(ether.get(txHash) ?? [])]) }
  })
  const state = request.state ? await readState(endpoint, context, block, transactions) : NO_STATE
  if (state.kind === 'state_unavailable') return state

  // State is asked for by height: it is this block's only if the block is still canonical afterwards.
  const after = await readHeader(endpoint, request.block.number)
  if (after?.hash !== request.block.hash) return { kind: 'behind' }
  return {
    kind: 'answer',
    value: { canonical: true, timestamp: block.timestamp, transactions, ...state.evidence },
  }
}

/** The part of the evidence that is state: what is only there as long as the node keeps it. */
type StateEvidence = Pick<Extract<Evidence, { canonical: true }>, 'axgtBalances' | 'shortfalls' | 'oracle'>

const NO_STATE: { kind: 'read'; evidence: StateEvidence } = {
  kind: 'read',
  evidence: { axgtBalances: [], shortfalls: [], oracle: null },
}

/** Everything is asked for in one tick, so that it travels in one eth_call for the block and one for that before it. */
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

/** null when a receipt is missing or of another block: the RPC contradicts itself for now. */
async function readReceipts(
  endpoint: RpcEndpoint,
  { block, transactions }: EvidenceRequest,
): Promise<Map<Hash, WireReceipt> | null> {
  const wanted = transactions.map(({ txHash }) => txHash)
  const whole = wanted.length >= WHOLE_BLOCK_FROM ? await readBlockReceipts(endpoint, block.number) : null
  const found =
    whole ??
    (await Promise.all(
      wanted.map((txHash) => endpoint.request('eth_getTransactionReceipt', [txHash], receipt.nullable())),
    ))
  const receipts = new Map(found.flatMap((mined) => (mined ? [[mined.transactionHash, mined] as const] : [])))
  const isWhole = wanted.every((txHash) => receipts.get(txHash)?.blockHash === block.hash)
  return isWhole ? receipts : null
}

/** null where the node does not offer eth_getBlockReceipts. */
async function readBlockReceipts(endpoint: RpcEndpoint, blockNumber: bigint): Promise<WireReceipt[] | null> {
  try {
    return await endpoint.request(
      'eth_getBlockReceipts',
      [numberToHex(blockNumber)],
      z.array(receipt).nullable(),
    )
  } catch (error) {
    if (error instanceof RpcShapeError) throw error
    return null
  }
}

/** ETH payments by transaction; null when the RPC does not have a transaction (yet). */
async function readEther(
  endpoint: RpcEndpoint,
  context: EvidenceContext,
  { block, transactions }: EvidenceRequest,
  receipts: Map<Hash, WireReceipt>,
): Promise<Map<Hash, ProvenTransfer[]> | null> {
  const asked = transactions
    .filter(({ txHash, ether }) => ether && receipts.get(txHash)?.status === '0x1')
    .map(({ txHash }) => txHash)
  if (asked.length === 0) return new Map()
  if (context.ethDetection === 'transactions') {
    return readTopLevelEther(endpoint, context.wallet, block, asked)
  }
  const plain = asked.filter((txHash) => isPlainPayment(receipts.get(txHash), context.wallet))
  const others = asked.filter((txHash) => !plain.includes(txHash))
  const [topLevel, traced] = await Promise.all([
    plain.length === 0
      ? new Map<Hash, ProvenTransfer[]>()
      : readTopLevelEther(endpoint, context.wallet, block, plain),
    readTracedEther(endpoint, context.wallet, block, others),
  ])
  return topLevel === null ? null : new Map([...topLevel, ...traced])
}

/** What a transaction costs that carries no data and runs no code: the intrinsic gas of a call (yellow paper, G_transaction). */
const PLAIN_PAYMENT_GAS = 21_000n

/**
 * A payment straight to the wallet that ran no code has exactly one movement of value, its own: nothing a trace could add,
 * and traces are what nodes charge and sweat for (ADR 0011).
 */
function isPlainPayment(mined: WireReceipt | undefined, wallet: Address): boolean {
  return mined?.to === wallet && mined.gasUsed === PLAIN_PAYMENT_GAS
}

async function readTracedEther(
  endpoint: RpcEndpoint,
  wallet: Address,
  block: { hash: Hash },
  asked: Hash[],
): Promise<Map<Hash, ProvenTransfer[]>> {
  const traces = asked.length >= WHOLE_BLOCK_FROM ? await readBlockTraces(endpoint, block.hash) : null
  const pairs = await Promise.all(
    asked.map(async (txHash) => {
      const trace = traces?.get(txHash) ?? (await readTrace(endpoint, txHash))
      return [txHash, transfersFromTrace(trace, wallet)] as const
    }),
  )
  return new Map(pairs)
}

const CALL_TRACER = { tracer: 'callTracer' }

function readTrace(endpoint: RpcEndpoint, txHash: Hash): Promise<unknown> {
  return endpoint.request('debug_traceTransaction', [txHash, CALL_TRACER], z.unknown())
}

/** null where the node can not trace whole blocks, or does not say which trace belongs to which transaction. */
async function readBlockTraces(endpoint: RpcEndpoint, blockHash: Hash): Promise<Map<Hash, unknown> | null> {
  try {
    const traces = await endpoint.request('debug_traceBlockByHash', [blockHash, CALL_TRACER], blockTrace)
    return new Map(traces.flatMap(({ txHash, result }) => (txHash ? [[txHash, result] as const] : [])))
  } catch {
    return null
  }
}

const blockWithTransactions = z.object({ hash, transactions: z.array(transaction) }).nullable()

async function readTopLevelEther(
  endpoint: RpcEndpoint,
  wallet: Address,
  block: { number: bigint; hash: Hash },
  asked: Hash[],
): Promise<Map<Hash, ProvenTransfer[]> | null> {
  const whole = asked.length >= WHOLE_BLOCK_FROM
  const found = whole
    ? (
        await endpoint.request(
          'eth_getBlockByNumber',
          [numberToHex(block.number), true],
          blockWithTransactions,
        )
      )?.transactions
    : await Promise.all(
        asked.map((txHash) => endpoint.request('eth_getTransactionByHash', [txHash], transaction.nullable())),
      )
  const byHash = new Map((found ?? []).flatMap((sent) => (sent ? [[sent.hash, sent] as const] : [])))
  if (!asked.every((txHash) => byHash.get(txHash)?.blockHash === block.hash)) return null
  return new Map(
    asked.map((txHash) => {
      const sent = byHash.get(txHash)
      const pays = sent && sent.to === wallet && sent.from !== wallet && sent.value > 0n
      return [txHash, pays ? [{ asset: 'eth' as const, payer: sent.from, amountBaseUnits: sent.value }] : []]
    }),
  )
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
    if (balance === undefined) throw new RpcShapeError('balanceOf')
    return [{ holder, balance }]
  })
}

/** null where nothing that the block paid is priced by the chain. */
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

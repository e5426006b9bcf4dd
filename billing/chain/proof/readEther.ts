import { type Address, type Hash, numberToHex } from 'viem'
import { z } from 'zod'
import type { Answer } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { describeRpcFailure } from '../rpc/rpcError.ts'
import {
  hash,
  quantity,
  readChainId,
  transaction,
  type WireReceipt,
  type WireTransaction,
} from '../rpc/wire.ts'
import type { EvidenceContext } from './evidence.ts'
import { MIN_TRANSACTIONS_FOR_WHOLE_BLOCK, readTraces } from './readTraces.ts'
import type { ProvenTransfer } from './transfers.ts'

/** What one RPC says of the ETH that a transaction moved to the wallet. */
export type EtherReading =
  | { kind: 'read'; transfers: ProvenTransfer[] }
  /** It does not have the transaction in this block (yet). */
  | { kind: 'behind' }
  /** It has the transaction and cannot say; `why` continues a sentence that starts with the RPC's name. */
  | { kind: 'unreadable'; why: string }

/**
 * Reads the ETH payments of successful transactions of one block, each by itself: where the trace of one fails, is of
 * another shape or takes too long, the others are read all the same.
 */
export async function readEther(
  endpoint: RpcEndpoint,
  { wallet, ethDetection }: Pick<EvidenceContext, 'wallet' | 'ethDetection'>,
  {
    block,
    receipts,
    traceTimeoutMs,
  }: { block: { number: bigint; hash: Hash }; receipts: WireReceipt[]; traceTimeoutMs?: number | undefined },
): Promise<Map<Hash, EtherReading>> {
  if (receipts.length === 0) return new Map()
  const isTopLevel = (mined: WireReceipt) => ethDetection === 'transactions' || isPlainPayment(mined, wallet)
  const hashesOf = (some: WireReceipt[]) => some.map(({ transactionHash }) => transactionHash)
  const [topLevel, traced] = await Promise.all([
    readTopLevel(endpoint, wallet, block, hashesOf(receipts.filter(isTopLevel))),
    readTraced(
      endpoint,
      wallet,
      block,
      hashesOf(receipts.filter((mined) => !isTopLevel(mined))),
      traceTimeoutMs,
    ),
  ])
  return new Map([...topLevel, ...traced])
}

/** What a transaction costs that carries no data and runs no code: the intrinsic gas of a call (yellow paper, G_transaction). */
const PLAIN_PAYMENT_GAS = 21_000n

/**
 * A payment straight to the wallet that ran no code moves exactly one value, its own: a trace could add nothing, and
 * traces are what nodes charge most for (ADR 0011).
 */
function isPlainPayment(mined: WireReceipt, wallet: Address): boolean {
  return mined.to === wallet && mined.gasUsed === PLAIN_PAYMENT_GAS
}

async function readTraced(
  endpoint: RpcEndpoint,
  wallet: Address,
  block: { hash: Hash },
  asked: Hash[],
  timeoutMs: number | undefined,
): Promise<[Hash, EtherReading][]> {
  if (asked.length === 0) return []
  const traced = await readTraces(endpoint, wallet, { blockHash: block.hash, txHashes: asked, timeoutMs })
  return [...traced].map(([txHash, reading]): [Hash, EtherReading] =>
    reading.kind === 'read'
      ? [txHash, reading]
      : [txHash, { kind: 'unreadable', why: `cannot trace it: ${describeRpcFailure(reading.error)}` }],
  )
}

async function readTopLevel(
  endpoint: RpcEndpoint,
  wallet: Address,
  block: { number: bigint; hash: Hash },
  asked: Hash[],
): Promise<[Hash, EtherReading][]> {
  if (asked.length === 0) return []
  const isWhole = asked.length >= MIN_TRANSACTIONS_FOR_WHOLE_BLOCK
  const ofBlock = isWhole ? await readBlockTransactions(endpoint, block) : new Map<Hash, WireTransaction>()
  return Promise.all(
    asked.map(async (txHash): Promise<[Hash, EtherReading]> => {
      try {
        const sent =
          ofBlock.get(txHash) ??
          (await endpoint.request('eth_getTransactionByHash', [txHash], transaction.nullable()))
        if (sent?.hash !== txHash || sent.blockHash !== block.hash) return [txHash, { kind: 'behind' }]
        return [txHash, { kind: 'read', transfers: ownTransfers(sent, wallet) }]
      } catch (error) {
        return [txHash, { kind: 'unreadable', why: `does not give it: ${describeRpcFailure(error)}` }]
      }
    }),
  )
}

/** What a transaction pays the wallet by its own value, if it succeeds. Pure. */
export function ownTransfers(sent: WireTransaction, wallet: Address): ProvenTransfer[] {
  const pays = sent.to === wallet && sent.from !== wallet && sent.value > 0n
  return pays ? [{ asset: 'eth', payer: sent.from, amountBaseUnits: sent.value }] : []
}

const blockWithTransactions = z.object({ transactions: z.array(z.unknown()) }).nullable()

/** Without those of a shape that we do not know; each is asked for by itself. Empty where the block cannot be had. */
async function readBlockTransactions(
  endpoint: RpcEndpoint,
  block: { number: bigint; hash: Hash },
): Promise<Map<Hash, WireTransaction>> {
  try {
    const params = [numberToHex(block.number), true]
    const found = await endpoint.request('eth_getBlockByNumber', params, blockWithTransactions)
    return new Map(
      (found?.transactions ?? []).flatMap((one) => {
        const { success, data } = transaction.safeParse(one)
        return success && data.blockHash === block.hash ? [[data.hash, data] as const] : []
      }),
    )
  } catch {
    return new Map()
  }
}

const block = z
  .object({
    hash,
    transactions: z.array(z.looseObject({ hash, from: z.string().toLowerCase(), value: quantity })),
  })
  .nullable()

/** `l1Fee`: what rollups charge beside. */
const paidReceipt = z.object({
  status: z.string(),
  gasUsed: quantity,
  effectiveGasPrice: quantity,
  l1Fee: quantity.nullish(),
})

/**
 * Asks one RPC how much ETH came to the wallet with a block, in wei: what its balance gained, and what its own transactions
 * took from it in value and fees. What moves out of it otherwise (it is a contract) makes this less.
 *
 * Not a proof: only to tell whether something is missing. Costs 5 requests, and one for each transaction of the wallet's.
 */
export async function readEtherGain(
  endpoint: RpcEndpoint,
  { chainId, wallet }: { chainId: number; wallet: Address },
  { number, hash: blockHash }: { number: bigint; hash: Hash },
): Promise<Answer<bigint>> {
  const balanceAt = (height: bigint) =>
    endpoint.request('eth_getBalance', [wallet, numberToHex(height)], quantity)
  const readBlock = () => endpoint.request('eth_getBlockByNumber', [numberToHex(number), true], block)
  const [answeredChainId, found, after, before] = await Promise.all([
    readChainId(endpoint),
    readBlock(),
    balanceAt(number),
    balanceAt(number - 1n),
  ])
  if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
  if (found === null || found.hash !== blockHash) return { kind: 'behind' }
  let spent = 0n
  for (const sent of found.transactions.filter(({ from }) => from === wallet)) {
    const mined = await endpoint.request('eth_getTransactionReceipt', [sent.hash], paidReceipt)
    spent += mined.gasUsed * mined.effectiveGasPrice + (mined.l1Fee ?? 0n)
    if (mined.status === '0x1') spent += sent.value
  }
  return { kind: 'answer', value: after - before + spent }
}

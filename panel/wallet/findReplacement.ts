import type { Hash } from 'viem'
import type { Eip1193 } from './eip1193.ts'
import { parseChainId, parseQuantity } from './parseAnswers.ts'
import type { PaymentCall } from './paymentCall.ts'
import { readFromWallet } from './readFromWallet.ts'

/** The transaction to look for. */
export interface SentTransaction {
  txHash: string
  chainId: number
  payer: string
  call: PaymentCall
  /** null until known. */
  nonce: number | null
}

/** What happened to a transaction that the service does not know of. */
export type Replacement =
  /** The wallet cannot tell: it does not answer, is on another network, or never knew the transaction. */
  | { kind: 'unknown' }
  /** It is there, waiting or mined. */
  | { kind: 'standing'; nonce: number }
  /** No transaction took its place so far. */
  | { kind: 'missing' }
  | { kind: 'sped_up'; byHash: Hash }
  | { kind: 'cancelled'; byHash: Hash }
  | { kind: 'replaced'; byHash: Hash | null }

/** Nodes keep the state of at least this many blocks. */
const MAX_BLOCKS_BACK = 120n

/**
 * Finds out, through the wallet's own connection, whether another transaction took the place of one that was sent: the
 * same account's next transaction with the same nonce. A wallet's "speed up" pays the same again and is followed; a
 * "cancel" pays nobody. The block is found by bisection, since every request goes to the person's own provider.
 */
export async function findReplacement(provider: Eip1193, sent: SentTransaction): Promise<Replacement> {
  try {
    if (parseChainId(await readFromWallet(provider, 'eth_chainId')) !== sent.chainId)
      return { kind: 'unknown' }
    const own = await readFromWallet(provider, 'eth_getTransactionByHash', [sent.txHash])
    const ownNonce = numberOf(fieldsOf(own)?.nonce)
    if (ownNonce !== null) return { kind: 'standing', nonce: ownNonce }
    if (sent.nonce === null) return { kind: 'unknown' }
    const used = await countAt(provider, sent.payer, 'latest')
    if (used === null) return { kind: 'unknown' }
    if (used <= BigInt(sent.nonce)) return { kind: 'missing' }
    return await identify(provider, sent, sent.nonce)
  } catch {
    return { kind: 'unknown' }
  }
}

async function identify(provider: Eip1193, sent: SentTransaction, nonce: number): Promise<Replacement> {
  const block = await findBlock(provider, sent.payer, BigInt(nonce))
  if (block === null) return { kind: 'replaced', byHash: null }
  const { transactions } =
    fieldsOf(await readFromWallet(provider, 'eth_getBlockByNumber', [hexOf(block), true])) ?? {}
  const inPlace = (Array.isArray(transactions) ? transactions : [])
    .map(fieldsOf)
    .find((other) => lower(other?.from) === sent.payer && numberOf(other?.nonce) === nonce)
  const byHash = lower(inPlace?.hash)
  if (inPlace === undefined || inPlace === null || !/^0x[0-9a-f]{64}$/.test(byHash)) {
    return { kind: 'replaced', byHash: null }
  }
  // It was mined between two of our requests.
  if (byHash === sent.txHash) return { kind: 'standing', nonce }
  const value = parseQuantity(inPlace.value)
  const to = lower(inPlace.to)
  const paysTheSame =
    to === sent.call.to.toLowerCase() && value === sent.call.value && lower(inPlace.input) === sent.call.data
  if (paysTheSame) return { kind: 'sped_up', byHash: byHash as Hash }
  const paysNobody = to === sent.payer && value === 0n
  return { kind: paysNobody ? 'cancelled' : 'replaced', byHash: byHash as Hash }
}

/** The block in which an account's nonce was used, or null where it is too far back. */
async function findBlock(provider: Eip1193, payer: string, nonce: bigint): Promise<bigint | null> {
  const head = parseQuantity(await readFromWallet(provider, 'eth_blockNumber'))
  if (head === null) return null
  let unused = head > MAX_BLOCKS_BACK ? head - MAX_BLOCKS_BACK : 0n
  let used = head
  if (((await countAt(provider, payer, hexOf(unused))) ?? nonce + 1n) > nonce) return null
  while (used - unused > 1n) {
    const middle = (used + unused) / 2n
    const count = await countAt(provider, payer, hexOf(middle))
    if (count === null) return null
    if (count > nonce) used = middle
    else unused = middle
  }
  return used
}

async function countAt(provider: Eip1193, payer: string, block: string): Promise<bigint | null> {
  return parseQuantity(await readFromWallet(provider, 'eth_getTransactionCount', [payer, block]))
}

function fieldsOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
}

function numberOf(value: unknown): number | null {
  const quantity = parseQuantity(value)
  return quantity === null || quantity > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(quantity)
}

function lower(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : ''
}

function hexOf(value: bigint): string {
  return `0x${value.toString(16)}`
}

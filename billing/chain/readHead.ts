import { type Hash, numberToHex } from 'viem'
import {
  type Agreed,
  agree,
  gather,
  type NamedAnswer,
  type Patience,
  patienceAfter,
  requiredOf,
} from './rpc/agree.ts'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'
import { refusalOf } from './rpc/rpcError.ts'
import { type Header, header, readChainId } from './rpc/wire.ts'

/** The newest block, from which confirmations are counted, and the newest final one. */
export interface Head {
  number: bigint
  hash: Hash
  timestamp: bigint
  /** The chain's `finalized` block; blocks up to it are not looked at again. */
  finalizedNumber: bigint
}

export type HeadReading =
  | { kind: 'agreed'; head: Head; problem: string | null }
  /** Fewer RPCs answer than must agree. The head is one RPC's word: enough to tell what would be due, no more. */
  | { kind: 'disagreement'; head: Head; problem: string }
  | { kind: 'unavailable'; problem: string }

/** On a chain without a `finalized` block, blocks this far below the head count as final. */
const FINALITY_DEPTH_WITHOUT_TAG = 256n

/** What one RPC says of the head. */
export interface AnsweredHead extends Head {
  /** It calls a block final on top of which there are not even the confirmations that a credit takes. */
  isFinalityDoubtful: boolean
}

/**
 * Reads the head of a chain. With several RPCs it is the second-highest of their heads: the newest block that two of those
 * that answer have (ADR 0008).
 *
 * @param confirmations that a credit takes on this chain. A `finalized` block that is not below them is no such block: a
 *   node that repeats its newest block under that name would end the watch of a credit with the credit.
 */
export async function readHead(
  endpoints: RpcEndpoint[],
  chainId: number,
  confirmations = 1,
): Promise<HeadReading> {
  const ask = async (endpoint: RpcEndpoint) => {
    const [answeredChainId, latest, finalized] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getBlockByNumber', ['latest', false], header),
      readFinalized(endpoint),
    ])
    if (answeredChainId !== chainId) return { kind: 'wrong_chain' as const, chainId: answeredChainId }
    return {
      kind: 'answer' as const,
      value: { ...latest, ...planFinality(latest, finalized, confirmations) },
    }
  }
  return planHead(await gather<AnsweredHead>(endpoints, ask, patienceWithHeads))
}

/** Decides which block counts as final by what a node says. Pure. */
export function planFinality(
  latest: Pick<Header, 'number'>,
  finalized: Pick<Header, 'number'> | null,
  confirmations: number,
): Pick<AnsweredHead, 'finalizedNumber' | 'isFinalityDoubtful'> {
  const isDoubtful =
    finalized !== null && finalized.number > 0n && finalized.number >= latest.number - BigInt(confirmations)
  if (finalized !== null && !isDoubtful) {
    return { finalizedNumber: finalized.number, isFinalityDoubtful: false }
  }
  const depth = latest.number - FINALITY_DEPTH_WITHOUT_TAG
  return { finalizedNumber: depth > 0n ? depth : 0n, isFinalityDoubtful: isDoubtful }
}

/** Heads this close are of one chain that goes on; further apart, one of them lags and another RPC may know better. */
const MAX_SPREAD_BLOCKS = 2n
const PATIENCE_WITH_A_SPREAD_MS = 1_000

const patienceWithHeads: Patience<Head> = (given, { rpcs, elapsedMs }) => {
  const [highest, second] = given.map(({ number }) => number).sort((a, b) => (a < b ? 1 : a > b ? -1 : 0))
  if (given.length < requiredOf(rpcs) || highest === undefined) return null
  const isClose = second === undefined || highest - second <= MAX_SPREAD_BLOCKS
  return isClose ? patienceAfter(elapsedMs) : PATIENCE_WITH_A_SPREAD_MS
}

/** What nodes say about a tag they do not know: geth "finalized block not found", others "unknown block", "invalid params". */
const NO_SUCH_TAG =
  /finali[sz]ed|\btag\b|unknown block|block not found|invalid|unsupported|not supported|unmarshal/i

/**
 * null where the chain (or the node) knows no `finalized` tag. Throws when the RPC does not answer: mistaking that for a
 * chain without finality would end the watch of credits too early.
 */
async function readFinalized(endpoint: RpcEndpoint): Promise<Header | null> {
  try {
    return await endpoint.request('eth_getBlockByNumber', ['finalized', false], header.nullable())
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal !== null && !refusal.isRateLimit && NO_SUCH_TAG.test(refusal.message)) return null
    throw error
  }
}

/** Decides which head counts. Pure. */
export function planHead(answers: NamedAnswer<AnsweredHead>[]): HeadReading {
  const heads = answers
    .flatMap((answer) => (answer.kind === 'answer' ? [headOf(answer.value)] : []))
    .sort((a, b) => (a.number < b.number ? 1 : a.number > b.number ? -1 : 0))
  const problems = answers.flatMap((answer) => {
    if (answer.kind === 'failed') return [`${answer.label}: ${answer.why}`]
    if (answer.kind === 'wrong_chain') return [`${answer.label} answers for chain ${answer.chainId}`]
    if (answer.kind === 'answer' && answer.value.isFinalityDoubtful) {
      return [
        `${answer.label} calls blocks final that are too new to be; it is taken for one that knows of none`,
      ]
    }
    return []
  })
  const problem = problems.length > 0 ? problems.join('; ') : null
  const highest = heads[0]
  if (highest === undefined) return { kind: 'unavailable', problem: problem ?? 'no RPC answers' }
  const finalizedNumber = heads.reduce(
    (lowest, head) => (head.finalizedNumber < lowest ? head.finalizedNumber : lowest),
    highest.finalizedNumber,
  )
  const counted = heads[requiredOf(answers.length) - 1]
  if (counted === undefined) {
    return {
      kind: 'disagreement',
      head: { ...highest, finalizedNumber },
      problem: `only 1 of ${answers.length} RPCs answers; ${problem ?? ''}`,
    }
  }
  return { kind: 'agreed', head: { ...counted, finalizedNumber }, problem }
}

function headOf({ number, hash, timestamp, finalizedNumber }: AnsweredHead): Head {
  return { number, hash, timestamp, finalizedNumber }
}

/** Reads the hash of the block at a height that the RPCs agree on. `behind`: they do not have that height (yet). */
export function readCanonicalHash(
  endpoints: RpcEndpoint[],
  chainId: number,
  blockNumber: bigint,
): Promise<Agreed<Hash>> {
  return agree(endpoints, async (endpoint) => {
    const [answeredChainId, block] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getBlockByNumber', [numberToHex(blockNumber), false], header.nullable()),
    ])
    if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    if (block === null) return { kind: 'behind' }
    return { kind: 'answer', value: block.hash }
  })
}

/** Reads the header of the block at a height; null where the RPC does not have that height (yet). */
export function readHeader(endpoint: RpcEndpoint, blockNumber: bigint): Promise<Header | null> {
  return endpoint.request('eth_getBlockByNumber', [numberToHex(blockNumber), false], header.nullable())
}

/** The deepest block number at which a deposit has its confirmations: the block of inclusion is the first of them. */
export function deepestBlock(head: Head, confirmations: number): bigint {
  return head.number - BigInt(confirmations) + 1n
}

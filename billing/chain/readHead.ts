import { BaseError, type Hash, numberToHex } from 'viem'
import { type Agreed, agree, gather, type NamedAnswer } from './rpc/agree.ts'
import { type RpcEndpoint, RpcErrorResponse } from './rpc/rpcEndpoint.ts'
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

/**
 * Reads the head of a chain. With several RPCs it is the second-highest of their heads: the newest block that two of them
 * have (ADR 0008).
 */
export async function readHead(endpoints: RpcEndpoint[], chainId: number): Promise<HeadReading> {
  const answers = await gather<Head>(endpoints, async (endpoint) => {
    const [answeredChainId, latest, finalized] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getBlockByNumber', ['latest', false], header),
      readFinalized(endpoint),
    ])
    if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    const depth = latest.number - FINALITY_DEPTH_WITHOUT_TAG
    const finalizedNumber = finalized ? finalized.number : depth > 0n ? depth : 0n
    return { kind: 'answer', value: { ...latest, finalizedNumber } }
  })
  return planHead(answers)
}

/** What nodes say about a tag they do not know: geth "finalized block not found", others "unknown block", "invalid params". */
const NO_SUCH_TAG =
  /finalized|block tag|unknown block|block not found|invalid (argument|param|block)|unsupported/i

/**
 * null where the chain (or the node) knows no `finalized` tag. Throws when the RPC does not answer: mistaking that for a
 * chain without finality would end the watch of credits too early.
 */
async function readFinalized(endpoint: RpcEndpoint): Promise<Header | null> {
  try {
    return await endpoint.request('eth_getBlockByNumber', ['finalized', false], header.nullable())
  } catch (error) {
    const said = error instanceof BaseError ? error.walk((cause) => cause instanceof RpcErrorResponse) : error
    if (said instanceof RpcErrorResponse && NO_SUCH_TAG.test(said.message)) return null
    throw error
  }
}

/** Decides which head counts. Pure. */
export function planHead(answers: NamedAnswer<Head>[]): HeadReading {
  const heads = answers
    .flatMap((answer) => (answer.kind === 'answer' ? [answer.value] : []))
    .sort((a, b) => (a.number < b.number ? 1 : a.number > b.number ? -1 : 0))
  const problems = answers.flatMap((answer) => {
    if (answer.kind === 'failed') return [`${answer.label}: ${answer.why}`]
    if (answer.kind === 'wrong_chain') return [`${answer.label} answers for chain ${answer.chainId}`]
    return []
  })
  const problem = problems.length > 0 ? problems.join('; ') : null
  const highest = heads[0]
  if (highest === undefined) return { kind: 'unavailable', problem: problem ?? 'no RPC answers' }
  const finalizedNumber = heads.reduce(
    (lowest, head) => (head.finalizedNumber < lowest ? head.finalizedNumber : lowest),
    highest.finalizedNumber,
  )
  const counted = heads[Math.min(2, answers.length) - 1]
  if (counted === undefined) {
    return {
      kind: 'disagreement',
      head: { ...highest, finalizedNumber },
      problem: `only 1 of ${answers.length} RPCs answers; ${problem ?? ''}`,
    }
  }
  return { kind: 'agreed', head: { ...counted, finalizedNumber }, problem }
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

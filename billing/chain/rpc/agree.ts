import { stringify } from 'viem'
import { describeRpcFailure, type RpcEndpoint } from './rpcEndpoint.ts'

/** One RPC's answer to one question. An RPC that fails throws instead. */
export type Answer<value> =
  | { kind: 'answer'; value: value }
  /** It does not have that block (yet), or not all of it. */
  | { kind: 'behind' }
  /** It has the block, but not its state; `why` continues a sentence that starts with the RPC's name. */
  | { kind: 'state_unavailable'; why: string }
  /** It serves another chain. */
  | { kind: 'wrong_chain'; chainId: number }

/** What the RPCs of a chain agree on. */
export type Agreed<value> =
  | { kind: 'agreed'; value: value }
  /** Not enough of them have it yet: wait. */
  | { kind: 'behind' }
  /** `detail` names the RPCs that do not have the state of the block, and what is wrong with the others. */
  | { kind: 'state_unavailable'; detail: string }
  /** Two of them contradict each other, or only one of several answers. */
  | { kind: 'disagreement'; detail: string }
  /** None of them answers. */
  | { kind: 'unavailable'; detail: string }

/**
 * Asks all RPCs of a chain the same question and says what to believe. A single RPC is believed. With several, all that
 * answer must say the same, and at least two must answer (ADR 0008).
 */
export async function agree<value>(
  endpoints: RpcEndpoint[],
  ask: (endpoint: RpcEndpoint) => Promise<Answer<value>>,
): Promise<Agreed<value>> {
  return planAgreement(await gather(endpoints, ask))
}

/** Asks all RPCs the same question at once; a failure becomes an answer of kind `failed`. */
export function gather<value>(
  endpoints: RpcEndpoint[],
  ask: (endpoint: RpcEndpoint) => Promise<Answer<value>>,
): Promise<NamedAnswer<value>[]> {
  return Promise.all(endpoints.map((endpoint) => answerOf(endpoint, ask)))
}

/** An RPC's answer with its name, or why there is none. */
export type NamedAnswer<value> = { label: string } & (Answer<value> | { kind: 'failed'; why: string })

async function answerOf<value>(
  endpoint: RpcEndpoint,
  ask: (endpoint: RpcEndpoint) => Promise<Answer<value>>,
): Promise<NamedAnswer<value>> {
  try {
    return { label: endpoint.label, ...(await ask(endpoint)) }
  } catch (error) {
    return { label: endpoint.label, kind: 'failed', why: describeRpcFailure(error) }
  }
}

/** Decides what the answers amount to. Pure. */
export function planAgreement<value>(answers: NamedAnswer<value>[]): Agreed<value> {
  const given = answers.filter((answer) => answer.kind === 'answer')
  const [first, ...others] = given
  const required = Math.min(2, answers.length)
  if (first) {
    const different = others.find((other) => stringify(other.value) !== stringify(first.value))
    if (different) {
      return { kind: 'disagreement', detail: `${first.label} and ${different.label} contradict each other` }
    }
    if (given.length >= required) return { kind: 'agreed', value: first.value }
  }
  // While one of them merely lags, wait. A single answer is a disagreement only when none lags.
  if (answers.some((answer) => answer.kind === 'behind')) return { kind: 'behind' }
  const silent = answers.flatMap((answer) => {
    if (answer.kind === 'failed') return [`${answer.label}: ${answer.why}`]
    if (answer.kind === 'state_unavailable') return [`${answer.label} ${answer.why}`]
    if (answer.kind === 'wrong_chain') return [`${answer.label} answers for chain ${answer.chainId}`]
    return []
  })
  if (answers.some((answer) => answer.kind === 'state_unavailable')) {
    return { kind: 'state_unavailable', detail: silent.join('; ') }
  }
  if (first) {
    return {
      kind: 'disagreement',
      detail: `only ${first.label} of ${answers.length} RPCs answers; ${silent.join('; ')}`,
    }
  }
  return { kind: 'unavailable', detail: silent.join('; ') }
}

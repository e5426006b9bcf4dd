import { stringify } from 'viem'
import type { RpcEndpoint } from './rpcEndpoint.ts'
import { describeRpcFailure } from './rpcError.ts'

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
 * answer must say the same, and at least two must answer (ADR 0008). Decided as {@link gather} gathers.
 */
export async function agree<value>(
  endpoints: RpcEndpoint[],
  ask: (endpoint: RpcEndpoint) => Promise<Answer<value>>,
): Promise<Agreed<value>> {
  return planAgreement(await gather(endpoints, ask))
}

/**
 * Says, each time one more RPC has answered, how much longer to wait for the others, in milliseconds; null: as long as it
 * takes, for what is there decides nothing yet.
 */
export type Patience<value> = (given: value[], asked: { rpcs: number; elapsedMs: number }) => number | null

const MIN_PATIENCE_MS = 200
const MAX_PATIENCE_MS = 1_000
/** How often it is looked whether one that is waited for has come into trouble. */
const LOOK_EVERY_MS = 250

/**
 * Asks all RPCs the same question at once; a failure becomes an answer of kind `failed`.
 *
 * Once enough of them have answered alike, the others have a little longer: a liar that is as prompt as they are is still
 * heard, and one that is slow or dead delays nobody (ADR 0019). Nor is an RPC in trouble waited for where enough have
 * answered; each goes on answering by itself, so that it is known when it is well again.
 */
export async function gather<value>(
  endpoints: RpcEndpoint[],
  ask: (endpoint: RpcEndpoint) => Promise<Answer<value>>,
  patience: Patience<value> = patienceWithAlike,
): Promise<NamedAnswer<value>[]> {
  const startedAt = performance.now()
  const answers = new Map<RpcEndpoint, NamedAnswer<value>>()
  const pending = new Map(
    endpoints.map((endpoint) => [
      endpoint,
      answerOf(endpoint, ask).then((answer) => {
        answers.set(endpoint, answer)
        pending.delete(endpoint)
      }),
    ]),
  )
  let waitUntil = Number.POSITIVE_INFINITY
  while (pending.size > 0) {
    const now = performance.now()
    const given = [...answers.values()].flatMap((answer) => (answer.kind === 'answer' ? [answer.value] : []))
    const moreMs = patience(given, { rpcs: endpoints.length, elapsedMs: now - startedAt })
    if (moreMs !== null) waitUntil = Math.min(waitUntil, now + moreMs)
    const isEnough = given.length >= requiredOf(endpoints.length)
    const isAwaited = [...pending.keys()].some((endpoint) => !isEnough || endpoint.trouble() === null)
    if (now >= waitUntil || !isAwaited) break
    const leftMs = Math.min(waitUntil - now, isEnough ? LOOK_EVERY_MS : waitUntil - now)
    await anyOf([...pending.values()], leftMs)
  }
  return endpoints.map((endpoint) => answers.get(endpoint) ?? missing(endpoint))
}

/** How many must say the same where so many are asked. */
export function requiredOf(rpcs: number): number {
  return Math.min(2, rpcs)
}

/** As long again as the ones that agree took, within bounds, twice over: they may have been the quickest by chance. */
export function patienceAfter(elapsedMs: number): number {
  return Math.min(Math.max(2 * elapsedMs, MIN_PATIENCE_MS), MAX_PATIENCE_MS)
}

function patienceWithAlike<value>(given: value[], { rpcs, elapsedMs }: { rpcs: number; elapsedMs: number }) {
  const counts = new Map<string, number>()
  for (const value of given) counts.set(stringify(value), (counts.get(stringify(value)) ?? 0) + 1)
  return Math.max(0, ...counts.values()) >= requiredOf(rpcs) ? patienceAfter(elapsedMs) : null
}

async function anyOf(work: Promise<void>[], withinMs: number): Promise<void> {
  if (withinMs === Number.POSITIVE_INFINITY) return Promise.race(work)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.ceil(withinMs))
  })
  await Promise.race([...work, late])
  clearTimeout(timer)
}

/** An RPC's answer with its name, or why there is none. */
export type NamedAnswer<value> = { label: string } & (
  | Answer<value>
  | { kind: 'failed'; why: string }
  /** The others had answered, and it was not waited for. No fault of it is known. */
  | { kind: 'late' }
)

function missing(endpoint: RpcEndpoint): NamedAnswer<never> {
  const { label } = endpoint
  const why = endpoint.trouble()
  return why === null ? { label, kind: 'late' } : { label, kind: 'failed', why }
}

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
  const required = requiredOf(answers.length)
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
    if (answer.kind === 'late') return [`${answer.label} is slower than the others`]
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

import type { Problem } from './apiTypes.ts'
import { doubtReachable, reachable } from './reachable.ts'

/** What came of a call. */
export type ApiAnswer<Value> =
  | { kind: 'ok'; value: Value; status: number }
  /** The service refused and said why. `retryAfterSeconds` is set where it said when to ask again. */
  | { kind: 'problem'; problem: Problem; retryAfterSeconds: number | null }
  /** No answer from the service: no network, no service, or a proxy's own error page. The outcome is unknown. */
  | { kind: 'offline' }

export interface ApiCall {
  method?: 'GET' | 'POST'
  /** Undefined ones are left out. */
  query?: Record<string, string | undefined>
  /** Sent as JSON. */
  body?: unknown
  /** A wallet's token. */
  token?: string
  signal?: AbortSignal
}

const TIMEOUT_MS = 15_000

/**
 * Calls the service and nothing else: paths are relative to the page. Never throws for what a network or a service does.
 * A call ended by its `signal` is `offline`, and does not make the page doubt the service.
 */
export async function callApi<Value>(path: `/${string}`, call: ApiCall = {}): Promise<ApiAnswer<Value>> {
  const { method = 'GET', body, token, signal } = call
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const response = await fetch(`${path}${queryText(call.query)}`, {
      method,
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      cache: 'no-store',
      credentials: 'omit',
    })
    const answer = await readAnswer<Value>(response)
    if (answer.kind === 'offline') void doubtReachable()
    else reachable.value = true
    return answer
  } catch {
    if (!signal?.aborted) void doubtReachable()
    return { kind: 'offline' }
  }
}

async function readAnswer<Value>(response: Response): Promise<ApiAnswer<Value>> {
  const { status } = response
  if (response.ok) {
    const value = status === 204 ? undefined : await response.json()
    return { kind: 'ok', value: value as Value, status }
  }
  // A proxy in front answers in its own words for a service that is down.
  if (!response.headers.get('Content-Type')?.startsWith('application/problem+json'))
    return { kind: 'offline' }
  const problem = (await response.json()) as Problem
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN)
  return { kind: 'problem', problem, retryAfterSeconds: Number.isFinite(seconds) ? seconds : null }
}

function queryText(query: ApiCall['query'] = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, value)
  return params.size === 0 ? '' : `?${params}`
}

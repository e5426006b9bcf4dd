import { BaseError, HttpRequestError } from 'viem'
import { z } from 'zod'
import { type RpcEndpoint, RpcErrorResponse } from '../billing/chain/rpc/rpcEndpoint.ts'
import { readChainId } from '../billing/chain/rpc/wire.ts'

/** Whether all RPCs of a chain can trace calls. `unknown`: they did not answer clearly; ask again. */
export type TraceSupport = 'supported' | 'unsupported' | 'unknown'

/** JSON-RPC: method not found; method not supported (EIP-1474). */
const REFUSING_CODES: ReadonlySet<number> = new Set([-32601, -32004])
/** Providers refuse a method in many words and codes. */
const REFUSING_WORDS =
  /not (?:found|supported|available|whitelisted|enabled|allowed|implemented|permitted)|does not exist|doesn't exist|unsupported|unknown method|disabled|upgrade|plan/i
const REFUSING_STATUSES: ReadonlySet<number> = new Set([403, 404, 405, 501])

/**
 * Asks each RPC of a chain for the traces of its newest block. One that refuses the method, while it does answer other
 * questions, makes the answer `unsupported`: the gate wants all RPCs to agree, so a single one without traces would have
 * every internal payment held for ever.
 */
export async function probeTraces(endpoints: RpcEndpoint[], chainId: number): Promise<TraceSupport> {
  const answers = await Promise.all(endpoints.map((endpoint) => probe(endpoint, chainId)))
  if (answers.includes('unsupported')) return 'unsupported'
  return answers.every((answer) => answer === 'supported') ? 'supported' : 'unknown'
}

async function probe(endpoint: RpcEndpoint, chainId: number): Promise<TraceSupport> {
  try {
    await endpoint.request(
      'debug_traceBlockByNumber',
      ['latest', { tracer: 'callTracer' }],
      z.array(z.unknown()),
    )
    return 'supported'
  } catch (error) {
    if (!refuses(error)) return 'unknown'
  }
  // A provider that refuses everything (a wrong key, an outage) says nothing about traces.
  return (await readChainId(endpoint).catch(() => null)) === chainId ? 'unsupported' : 'unknown'
}

function refuses(error: unknown): boolean {
  if (!(error instanceof BaseError)) return error instanceof RpcErrorResponse && refusedBy(error)
  const response = error.walk((cause) => cause instanceof RpcErrorResponse)
  if (response instanceof RpcErrorResponse) return refusedBy(response)
  const http = error.walk((cause) => cause instanceof HttpRequestError)
  return http instanceof HttpRequestError && http.status !== undefined && REFUSING_STATUSES.has(http.status)
}

function refusedBy({ code, message }: RpcErrorResponse): boolean {
  // Some nodes can not trace the block that no transaction made: that is no refusal.
  if (/genesis/i.test(message)) return false
  return REFUSING_CODES.has(code) || REFUSING_WORDS.test(message)
}

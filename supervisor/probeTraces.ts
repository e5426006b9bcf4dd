import { z } from 'zod'
import type { RpcEndpoint } from '../billing/chain/rpc/rpcEndpoint.ts'
import { saysNoSuchMethod } from '../billing/chain/rpc/rpcError.ts'
import { readChainId } from '../billing/chain/rpc/wire.ts'

/** Whether all RPCs of a chain can trace calls. `unknown`: they did not answer clearly; ask again. */
export type TraceSupport = 'supported' | 'unsupported' | 'unknown'

/**
 * Asks each RPC of a chain for the traces of its newest block. One that says it has no such method, while it does answer
 * other questions, makes the answer `unsupported`: the gate needs all RPCs to agree, so a single one without traces would
 * have every internal payment held forever. One that refuses for any other reason (limits, plans, the moment) says
 * nothing.
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
    if (!saysNoSuchMethod(error)) return 'unknown'
  }
  // A provider that refuses everything (a wrong key, an outage) says nothing about traces.
  return (await readChainId(endpoint).catch(() => null)) === chainId ? 'unsupported' : 'unknown'
}

import type { Client, Hash } from 'viem'

/** A frame as the callTracer of debug_traceTransaction gives it. */
export interface CallFrame {
  type: string
  from: string
  to?: string
  value?: string
  error?: string
  calls?: CallFrame[]
}

/** Every call frame of a transaction, from the top-level one down. */
export async function traceTransaction(client: Client, hash: Hash): Promise<CallFrame> {
  const request = client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>
  return (await request({
    method: 'debug_traceTransaction',
    params: [hash, { tracer: 'callTracer' }],
  })) as CallFrame
}

import { type Respond, type RpcFault, type RpcRequest, type RpcResponse, withResult } from './rpcFault.ts'

interface InBlock {
  number?: string
  blockNumber?: string
}

const byTag: Record<string, number> = {
  eth_getBlockByNumber: 0,
  eth_getBlockReceipts: 0,
  eth_getBlockTransactionCountByNumber: 0,
  debug_traceBlockByNumber: 0,
  eth_call: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getTransactionCount: 1,
  eth_getStorageAt: 2,
}

/**
 * Answers as a node whose head is `blocks()` lower than the real one's: `latest` is that block, what is above is not
 * known yet (null, no logs, "header not found"). Asked anew for each request, so that a head can also jump about.
 */
export function lagFault(blocks: () => number): RpcFault {
  return {
    method: '*',
    async answer(request, respond) {
      const head = await respond({ jsonrpc: '2.0', id: 0, method: 'eth_blockNumber' })
      const seen = BigInt(head.result as string) - BigInt(blocks())
      return answerBelow(request, respond, seen < 0n ? 0n : seen)
    },
  }
}

async function answerBelow(request: RpcRequest, respond: Respond, head: bigint): Promise<RpcResponse> {
  const { id, method } = request
  if (method === 'eth_blockNumber') return { jsonrpc: '2.0', id, result: hex(head) }

  const position = byTag[method]
  if (position !== undefined) {
    const params = [...(request.params ?? [])]
    const tag = params[position]
    if (tag === undefined || tag === 'latest' || tag === 'pending') params[position] = hex(head)
    if (isAbove(params[position], head)) return unknownBlock(request)
    const response = await respond({ ...request, params })
    // `finalized` and `safe` may be above a head that lags much.
    return isAbove((response.result as InBlock | null | undefined)?.number, head)
      ? respond({ ...request, params: [hex(head), ...params.slice(1)] })
      : response
  }
  const response = await respond(request)
  if (method === 'eth_getLogs') {
    const logs = (response.result ?? []) as InBlock[]
    return withResult(
      response,
      logs.filter((log) => !isAbove(log.blockNumber, head)),
    )
  }
  if (method === 'debug_traceBlockByHash' || method === 'debug_traceTransaction') {
    const known = await respond({
      jsonrpc: '2.0',
      id: 0,
      method: method === 'debug_traceTransaction' ? 'eth_getTransactionByHash' : 'eth_getBlockByHash',
      params: [request.params?.[0], ...(method === 'debug_traceTransaction' ? [] : [false])],
    })
    return isInvisible(known.result, head) ? unknownBlock(request) : response
  }
  return isInvisible(response.result, head) ? withResult(response, null) : response
}

/** A block, a receipt or a transaction that this node has not come to yet. */
function isInvisible(result: unknown, head: bigint): boolean {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return false
  const it = result as InBlock
  return isAbove(it.blockNumber ?? it.number, head)
}

function isAbove(tag: unknown, head: bigint): boolean {
  return typeof tag === 'string' && tag.startsWith('0x') && tag.length < 66 && BigInt(tag) > head
}

/** As nodes answer about a block they do not have: null where a block is asked for, an error where state is. */
function unknownBlock({ id, method }: RpcRequest): RpcResponse {
  if (method === 'eth_getBlockByNumber' || method === 'eth_getBlockReceipts')
    return { jsonrpc: '2.0', id, result: null }
  return { jsonrpc: '2.0', id, error: { code: -32_000, message: 'header not found' } }
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`
}

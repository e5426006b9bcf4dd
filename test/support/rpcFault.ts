/** One JSON-RPC request as it comes from a client. */
export interface RpcRequest {
  jsonrpc: '2.0'
  id: number | string | null
  method: string
  params?: unknown[]
}

export interface RpcError {
  code: number
  message: string
}

/** One JSON-RPC answer. */
export interface RpcResponse {
  jsonrpc: '2.0'
  id: number | string | null
  result?: unknown
  error?: RpcError
}

export type Respond = (request: RpcRequest) => Promise<RpcResponse>

/** What goes wrong with the whole HTTP answer when a request in it is hit. */
export type TransportFault = '429' | 'hang' | 'html' | 'truncate'

/**
 * Something wrong with an RPC. `method` is a method's name or `*` for all. A transport fault spoils the HTTP answer; an
 * answering fault stands between the client and the real node, and may ask that one itself through `respond`.
 */
export type RpcFault =
  | { method: string; transport: TransportFault }
  | { method: string; answer: (request: RpcRequest, respond: Respond) => Promise<RpcResponse> }

/** Whether a fault has to do with a method. */
export function isHit(fault: RpcFault, method: string): boolean {
  return fault.method === '*' || fault.method === method
}

/** The answer of the real node with another result. An error stays an error. */
export function withResult(response: RpcResponse, result: unknown): RpcResponse {
  return response.error === undefined ? { ...response, result } : response
}

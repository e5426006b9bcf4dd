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
  data?: unknown
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
export type TransportFault = '429' | 'hang' | 'silence' | 'html' | 'truncate' | StatusFault

/** Another HTTP status; with `error` the body is a JSON-RPC error of the request's id, else `text`. */
export interface StatusFault {
  status: number
  headers?: Record<string, string>
  error?: RpcError
  text?: string
}

/**
 * Something wrong with an RPC. `method` is a method's name or `*` for all. A transport fault spoils the HTTP answer; an
 * answering fault stands between the client and the real node, and may ask that one itself through `respond`.
 */
export type RpcFault =
  /** `times`: how many answers it spoils before it is over; all while it is missing. */
  | { method: string; transport: TransportFault; times?: number }
  | {
      method: string
      answer: (request: RpcRequest, respond: Respond) => Promise<RpcResponse>
      /** Of the HTTP answer where it is an error. */
      status?: number
    }

/** Whether a fault has to do with a method. */
export function isHit(fault: RpcFault, method: string): boolean {
  return fault.method === '*' || fault.method === method
}

/** The answer of the real node with another result. An error stays an error. */
export function withResult(response: RpcResponse, result: unknown): RpcResponse {
  return response.error === undefined ? { ...response, result } : response
}

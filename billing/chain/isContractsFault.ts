import { ContractFunctionExecutionError } from 'viem'
import { RpcErrorResponse } from './rpc/rpcEndpoint.ts'

/**
 * Whether viem's `readContract` failed because of the contract (it answers nothing, reverts, or is not there) and not
 * because of the RPC: viem wraps both alike.
 */
export function isContractsFault(error: unknown): boolean {
  if (!(error instanceof ContractFunctionExecutionError)) return false
  const cause = error.walk(
    (inner) => inner instanceof Error && /HttpRequestError|TimeoutError|WebSocket/.test(inner.name),
  )
  if (cause !== null) return false
  const response = error.walk((inner) => inner instanceof RpcErrorResponse)
  return !(response instanceof RpcErrorResponse) || /revert/i.test(response.message)
}

import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'
import { quantity } from './rpc/wire.ts'

/**
 * Asks an RPC which chain it speaks for. Asked again with every proof, not once at the start: a provider that sends us to
 * another chain in the middle of a run must not have that chain's play money credited here.
 */
export async function readChainId(endpoint: RpcEndpoint): Promise<number> {
  return Number(await endpoint.request('eth_chainId', [], quantity))
}

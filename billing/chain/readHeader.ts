import { numberToHex } from 'viem'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'
import { type Header, header } from './rpc/wire.ts'

/** Reads the header of the block at a height; null where the RPC does not have that height (yet). */
export function readHeader(endpoint: RpcEndpoint, blockNumber: bigint): Promise<Header | null> {
  return endpoint.request('eth_getBlockByNumber', [numberToHex(blockNumber), false], header.nullable())
}

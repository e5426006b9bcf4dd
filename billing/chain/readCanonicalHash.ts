import { type Hash, numberToHex } from 'viem'
import { readChainId } from './readChainId.ts'
import { type Agreed, agree } from './rpc/agree.ts'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'
import { header } from './rpc/wire.ts'

/** Reads the hash of the block at a height, as the RPCs agree on it. `behind`: they do not have that height (yet). */
export function readCanonicalHash(
  endpoints: RpcEndpoint[],
  chainId: number,
  blockNumber: bigint,
): Promise<Agreed<Hash>> {
  return agree(endpoints, async (endpoint) => {
    const [answeredChainId, block] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getBlockByNumber', [numberToHex(blockNumber), false], header.nullable()),
    ])
    if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    if (block === null) return { kind: 'behind' }
    return { kind: 'answer', value: block.hash }
  })
}

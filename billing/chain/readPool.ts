import type { Address } from 'viem'
import { readContract } from 'viem/actions'
import { poolAbi } from './contracts/abis.ts'
import { isContractsFault } from './isContractsFault.ts'
import { readChainId } from './readChainId.ts'
import { type Agreed, agree } from './rpc/agree.ts'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'

/** Which tokens a pool trades, in its own order; the price it tells is token1 for token0. Lower-case. */
export interface PoolTokens {
  token0: Address
  token1: Address
}

/** Agreed null: there is no Uniswap v3 pool at that address, or nobody has given it a price yet. */
export function readPool(
  endpoints: RpcEndpoint[],
  chainId: number,
  address: Address,
): Promise<Agreed<PoolTokens | null>> {
  return agree(endpoints, async (endpoint) => {
    const answeredChainId = await readChainId(endpoint)
    if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    return { kind: 'answer', value: await askPool(endpoint, address) }
  })
}

async function askPool(endpoint: RpcEndpoint, address: Address): Promise<PoolTokens | null> {
  try {
    const pool = { address, abi: poolAbi } as const
    const [token0, token1] = await Promise.all([
      readContract(endpoint.client, { ...pool, functionName: 'token0' }),
      readContract(endpoint.client, { ...pool, functionName: 'token1' }),
      // A pair of Uniswap v2 has the same two tokens and no such memory.
      readContract(endpoint.client, { ...pool, functionName: 'observe', args: [[0]] }),
    ])
    return { token0: token0.toLowerCase() as Address, token1: token1.toLowerCase() as Address }
  } catch (error) {
    if (isContractsFault(error)) return null
    throw error
  }
}

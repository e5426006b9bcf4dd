import { type Address, erc20Abi } from 'viem'
import { readContract } from 'viem/actions'
import { isContractsFault } from '../isContractsFault.ts'
import { readChainId } from '../readChainId.ts'
import { type Agreed, agree } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'

/** What a token says of itself. */
export interface TokenMetadata {
  symbol: string
  decimals: number
}

/** More decimals than this and 10^decimals no longer fits the chain's own 256 bits. */
const MAX_DECIMALS = 77

/** Agreed null: there is no such token, or it answers nonsense. */
export function readToken(
  endpoints: RpcEndpoint[],
  chainId: number,
  address: Address,
): Promise<Agreed<TokenMetadata | null>> {
  return agree(endpoints, async (endpoint) => {
    const answeredChainId = await readChainId(endpoint)
    if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    return { kind: 'answer', value: await askToken(endpoint, address) }
  })
}

async function askToken(endpoint: RpcEndpoint, address: Address): Promise<TokenMetadata | null> {
  try {
    const [symbol, decimals] = await Promise.all([
      readContract(endpoint.client, { address, abi: erc20Abi, functionName: 'symbol' }),
      readContract(endpoint.client, { address, abi: erc20Abi, functionName: 'decimals' }),
    ])
    const isSane = decimals <= MAX_DECIMALS && symbol.length > 0 && symbol.length <= 32
    return isSane ? { symbol, decimals } : null
  } catch (error) {
    if (isContractsFault(error)) return null
    throw error
  }
}

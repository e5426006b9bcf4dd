import { type Address, ContractFunctionExecutionError, erc20Abi } from 'viem'
import { readContract } from 'viem/actions'
import { type Agreed, agree } from '../rpc/agree.ts'
import { type RpcEndpoint, RpcErrorResponse } from '../rpc/rpcEndpoint.ts'
import { readChainId } from '../rpc/wire.ts'
import { poolAbi } from './abis.ts'

/** What a token says about itself. */
export interface TokenMetadata {
  symbol: string
  decimals: number
}

/** With more decimals, 10^decimals no longer fits into 256 bits. */
const MAX_DECIMALS = 77

/** Reads a token's symbol and decimals. Agreed null: there is no such token, or its answers make no sense. */
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

/** The tokens that a pool trades, in its order; its price is token1 per token0. Lower-case. */
export interface PoolTokens {
  token0: Address
  token1: Address
}

/** Reads a pool's tokens. Agreed null: there is no Uniswap v3 pool at that address, or it has no price yet. */
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
      // A Uniswap v2 pair also has two tokens, but no such function.
      readContract(endpoint.client, { ...pool, functionName: 'observe', args: [[0]] }),
    ])
    return { token0: token0.toLowerCase() as Address, token1: token1.toLowerCase() as Address }
  } catch (error) {
    if (isContractsFault(error)) return null
    throw error
  }
}

/**
 * Whether viem's `readContract` failed because of the contract (it answers nothing, reverts, or does not exist) and not
 * because of the RPC: viem wraps both in the same error.
 */
function isContractsFault(error: unknown): boolean {
  if (!(error instanceof ContractFunctionExecutionError)) return false
  const cause = error.walk(
    (inner) => inner instanceof Error && /HttpRequestError|TimeoutError|WebSocket/.test(inner.name),
  )
  if (cause !== null) return false
  const response = error.walk((inner) => inner instanceof RpcErrorResponse)
  return !(response instanceof RpcErrorResponse) || /revert/i.test(response.message)
}

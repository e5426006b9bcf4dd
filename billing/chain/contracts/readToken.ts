import { type Address, erc20Abi } from 'viem'
import { type Agreed, agree } from '../rpc/agree.ts'
import { openState } from '../rpc/openState.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
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
  const state = openState(endpoint, 'latest')
  const [symbol, decimals] = await Promise.all([
    state.read({ address, abi: erc20Abi, functionName: 'symbol' }),
    state.read({ address, abi: erc20Abi, functionName: 'decimals' }),
  ])
  if (symbol.kind === 'failed' || decimals.kind === 'failed') return null
  const isSane = decimals.value <= MAX_DECIMALS && symbol.value.length > 0 && symbol.value.length <= 32
  return isSane ? { symbol: symbol.value, decimals: decimals.value } : null
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
  const state = openState(endpoint, 'latest')
  const pool = { address, abi: poolAbi } as const
  const [token0, token1, observed] = await Promise.all([
    state.read({ ...pool, functionName: 'token0' }),
    state.read({ ...pool, functionName: 'token1' }),
    // A Uniswap v2 pair also has two tokens, but no such function.
    state.read({ ...pool, functionName: 'observe', args: [[0]] }),
  ])
  if (token0.kind === 'failed' || token1.kind === 'failed' || observed.kind === 'failed') return null
  return { token0: token0.value.toLowerCase() as Address, token1: token1.value.toLowerCase() as Address }
}

import { type Address, erc20Abi } from 'viem'
import { multicall } from 'viem/actions'
import { type RpcEndpoint, RpcErrorResponse, RpcShapeError } from './rpcEndpoint.ts'

/** One `balanceOf` to be read. */
export interface BalanceQuery {
  token: Address
  holder: Address
}

/** Balances that one eth_call reads; its code and its answer stay far below what nodes accept. */
const BALANCES_PER_CALL = 200

/**
 * Reads token balances as they were after a block, many with one eth_call: viem ships the multicall code with the call,
 * so nothing needs to be deployed. `state_unavailable` when the node no longer has the state, or the token does not
 * answer. Throws when the RPC fails.
 */
export async function readBalancesAtBlock(
  endpoint: RpcEndpoint,
  blockNumber: bigint,
  queries: BalanceQuery[],
): Promise<bigint[] | 'state_unavailable'> {
  const balances: bigint[] = []
  for (let start = 0; start < queries.length; start += BALANCES_PER_CALL) {
    const results = await multicall(endpoint.client, {
      contracts: queries.slice(start, start + BALANCES_PER_CALL).map(({ token, holder }) => ({
        address: token,
        abi: erc20Abi,
        functionName: 'balanceOf' as const,
        args: [holder] as const,
      })),
      deployless: true,
      batchSize: 0,
      blockNumber,
      allowFailure: true,
    })
    for (const result of results) {
      if (result.status === 'failure') return outcomeOfFailure(result.error)
      balances.push(result.result)
    }
  }
  return balances
}

/**
 * What nodes say when a block's state is gone: geth "missing trie node", "historical state … is not available",
 * EIP-4444's 4444 "pruned history unavailable", erigon and nethermind variants of it, anvil "block out of range".
 */
const STATE_GONE =
  /missing trie node|state.*(not|un)\s?available|pruned|historical state|header not found|out of range|no state|too old/i

function outcomeOfFailure(error: unknown): 'state_unavailable' {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RpcErrorResponse && STATE_GONE.test(cause.message)) return 'state_unavailable'
    if (cause instanceof RpcErrorResponse || cause instanceof RpcShapeError) throw cause
    if (cause.name === 'HttpRequestError' || cause.name === 'TimeoutError') throw cause
  }
  // The node answered; the token did not (no code there at that block, or it reverts).
  return 'state_unavailable'
}

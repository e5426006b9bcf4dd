import { type Address, erc20Abi } from 'viem'
import type { Answer } from '../rpc/agree.ts'
import { type ChainState, openState, StateUnavailableError } from '../rpc/openState.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { readChainId } from '../rpc/wire.ts'

/** One `balanceOf` to read. */
export interface BalanceQuery {
  token: Address
  holder: Address
}

/**
 * Reads token balances in base units, in the order asked. A token that does not answer does not count as a balance of 0:
 * throws StateUnavailableError, as when the node no longer has the state.
 */
export function readBalances(state: ChainState, queries: BalanceQuery[]): Promise<bigint[]> {
  return Promise.all(
    queries.map(async ({ token, holder }) => {
      const said = await state.read({
        address: token,
        abi: erc20Abi,
        functionName: 'balanceOf',
        args: [holder],
      })
      if (said.kind === 'answered') return said.value
      throw new StateUnavailableError(`has no answer of the token ${token} at that block`)
    }),
  )
}

/**
 * Asks one RPC how much AXGT each wallet holds after a block, in base units and in the order asked. Costs 2 requests for up
 * to 150 wallets.
 */
export async function readAxgtBalancesAt(
  endpoint: RpcEndpoint,
  question: { chainId: number; axgtToken: Address; holders: Address[]; blockNumber: bigint },
): Promise<Answer<bigint[]>> {
  const { chainId, axgtToken: token, holders, blockNumber } = question
  try {
    const [answeredChainId, value] = await Promise.all([
      readChainId(endpoint),
      readBalances(
        openState(endpoint, blockNumber),
        holders.map((holder) => ({ token, holder })),
      ),
    ])
    if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    return { kind: 'answer', value }
  } catch (error) {
    if (error instanceof StateUnavailableError) return { kind: 'state_unavailable', why: error.message }
    throw error
  }
}

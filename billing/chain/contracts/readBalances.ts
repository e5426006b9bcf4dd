import { type Address, erc20Abi } from 'viem'
import type { ChainState } from '../rpc/openState.ts'
import { StateUnavailableError } from '../stateUnavailableError.ts'

/** One `balanceOf` to be read. */
export interface BalanceQuery {
  token: Address
  holder: Address
}

/**
 * Reads token balances in base units, in the order asked. A token that does not answer is not a balance of 0: throws
 * StateUnavailableError, as when the node no longer has the state.
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

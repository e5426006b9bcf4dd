import type { Address } from 'viem'
import { readBalances } from './contracts/readBalances.ts'
import { readChainId } from './readChainId.ts'
import type { Answer } from './rpc/agree.ts'
import { openState } from './rpc/openState.ts'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'
import { StateUnavailableError } from './stateUnavailableError.ts'

/**
 * Asks one RPC what AXGT wallets hold after a block, in base units and in the order asked. Costs 2 requests for up to 150
 * wallets.
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

import type { OracleReading } from '../pricing/oracleReading.ts'
import { type OracleSources, readOracle } from './contracts/readOracle.ts'
import { readChainId } from './readChainId.ts'
import { readHeader } from './readHeader.ts'
import type { Answer } from './rpc/agree.ts'
import { openState } from './rpc/openState.ts'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'
import { StateUnavailableError } from './stateUnavailableError.ts'

/**
 * Asks one RPC what the price sources of the chain, the pool among them, say after the block at a height: for quotes, for
 * the price history, and where a deposit's own block has no usable price. `behind`: it does not have that height, or the
 * block there changed meanwhile.
 *
 * Costs 4 requests.
 */
export async function readOracleAt(
  endpoint: RpcEndpoint,
  chainId: number,
  sources: OracleSources,
  blockNumber: bigint,
): Promise<Answer<OracleReading>> {
  const [answeredChainId, block] = await Promise.all([
    readChainId(endpoint),
    readHeader(endpoint, blockNumber),
  ])
  if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
  if (block === null) return { kind: 'behind' }
  try {
    const state = openState(endpoint, blockNumber)
    const value = await readOracle(state, sources, block, { pool: sources.pool !== null })
    // State is asked for by height: it is this block's only if the block is still canonical afterwards.
    const after = await readHeader(endpoint, blockNumber)
    return after?.hash === block.hash ? { kind: 'answer', value } : { kind: 'behind' }
  } catch (error) {
    if (error instanceof StateUnavailableError) return { kind: 'state_unavailable', why: error.message }
    throw error
  }
}

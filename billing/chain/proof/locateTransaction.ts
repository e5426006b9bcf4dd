import type { Hash } from 'viem'
import { type Agreed, gather, type Patience, patienceAfter, planAgreement, requiredOf } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { shapeError } from '../rpc/rpcError.ts'
import { readChainId, receipt } from '../rpc/wire.ts'

/** Where a transaction was mined. */
export interface TransactionLocation {
  blockNumber: bigint
  blockHash: Hash
  succeeded: boolean
}

/**
 * Finds the block that a transaction is in now. Agreed null: no RPC has it in a block. `behind`: one has it, but not enough
 * others do yet.
 */
export async function locateTransaction(
  endpoints: RpcEndpoint[],
  chainId: number,
  txHash: Hash,
): Promise<Agreed<TransactionLocation | null>> {
  const ask = async (endpoint: RpcEndpoint) => {
    const [answeredChainId, mined] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getTransactionReceipt', [txHash], receipt.nullable()),
    ])
    if (answeredChainId !== chainId) return { kind: 'wrong_chain' as const, chainId: answeredChainId }
    if (mined !== null && mined.transactionHash !== txHash) throw shapeError('eth_getTransactionReceipt')
    const value =
      mined === null
        ? null
        : { blockNumber: mined.blockNumber, blockHash: mined.blockHash, succeeded: mined.status === '0x1' }
    return { kind: 'answer' as const, value }
  }
  const answers = await gather<TransactionLocation | null>(endpoints, ask, patienceWithLocations)
  const isMinedSomewhere = answers.some((answer) => answer.kind === 'answer' && answer.value !== null)
  if (!isMinedSomewhere) return planAgreement(answers)
  // Where one RPC has the receipt, another's "no receipt" only means that it lags.
  return planAgreement(
    answers.map((answer) =>
      answer.kind === 'answer' && answer.value === null ? { label: answer.label, kind: 'behind' } : answer,
    ),
  )
}

/** That nobody has it is the answer by which a credit is taken back: whoever is merely slow may know better. */
const PATIENCE_WITH_NOTHING_MS = 1_000

const patienceWithLocations: Patience<TransactionLocation | null> = (given, { rpcs, elapsedMs }) => {
  const found = given.filter((location) => location !== null)
  const isFound = found.length >= requiredOf(rpcs)
  if (isFound && new Set(found.map(({ blockHash }) => blockHash)).size === 1) return patienceAfter(elapsedMs)
  return found.length === 0 && given.length >= requiredOf(rpcs) ? PATIENCE_WITH_NOTHING_MS : null
}

import type { Hash } from 'viem'
import { type Agreed, gather, planAgreement } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
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
  const answers = await gather<TransactionLocation | null>(endpoints, async (endpoint) => {
    const [answeredChainId, mined] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getTransactionReceipt', [txHash], receipt.nullable()),
    ])
    if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    if (mined !== null && mined.transactionHash !== txHash) throw new Error('receipt of another transaction')
    const value =
      mined === null
        ? null
        : { blockNumber: mined.blockNumber, blockHash: mined.blockHash, succeeded: mined.status === '0x1' }
    return { kind: 'answer', value }
  })
  const isMinedSomewhere = answers.some((answer) => answer.kind === 'answer' && answer.value !== null)
  if (!isMinedSomewhere) return planAgreement(answers)
  // Where one RPC has the receipt, another's "no receipt" only means that it lags.
  return planAgreement(
    answers.map((answer) =>
      answer.kind === 'answer' && answer.value === null ? { label: answer.label, kind: 'behind' } : answer,
    ),
  )
}

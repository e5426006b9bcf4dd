import type { Hash } from 'viem'
import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { ProvenTransfer } from '../chain/proof/transfers.ts'
import type { GateChain } from './gateDeps.ts'

/** What the RPCs of one chain say of a transaction hash. */
export type TransactionFinding =
  /** In a block; `transfers` are what it pays to the wallet, by asset and payer. */
  | { kind: 'mined'; location: TransactionLocation; timestamp: bigint; transfers: ProvenTransfer[] }
  /** Known, in no block that enough RPCs have. */
  | { kind: 'unmined'; transfers: ProvenTransfer[] }
  /** All RPCs answered and none knows it. */
  | { kind: 'absent' }
  /** The RPCs do not answer, or not alike. */
  | { kind: 'unknown' }

/** Finds out what a transaction pays, on one chain. Records nothing. */
export async function findTransaction(chain: GateChain, txHash: Hash): Promise<TransactionFinding> {
  const located = await chain.reader.locate(txHash)
  if (located.kind === 'agreed' && located.value !== null) {
    const location = located.value
    const block = { number: location.blockNumber, hash: location.blockHash }
    const transactions = [{ txHash, ether: true }]
    const evidence = await chain.reader.readEvidence({ block, transactions, state: false })
    if (evidence.kind === 'agreed' && evidence.value.canonical) {
      const [transaction] = evidence.value.transactions
      return {
        kind: 'mined',
        location,
        timestamp: evidence.value.timestamp,
        transfers: transaction?.transfers ?? [],
      }
    }
    if (evidence.kind === 'unavailable' || evidence.kind === 'disagreement') return { kind: 'unknown' }
  }
  const preview = await chain.reader.preview(txHash)
  switch (preview.kind) {
    case 'known':
      return { kind: 'unmined', transfers: preview.transfers }
    case 'unknown':
      return { kind: 'absent' }
    case 'unavailable':
      return { kind: 'unknown' }
  }
}

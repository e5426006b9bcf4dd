import type { Hash } from 'viem'
import { recordSeen } from '../deposits/recordSeen.ts'
import { findTransaction, type TransactionFinding } from './findTransaction.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'

/** Finds a transaction and records its deposits as pending. Idempotent. */
export async function recordTransaction(
  deps: GateDeps,
  chain: GateChain,
  txHash: Hash,
): Promise<TransactionFinding> {
  const finding = await findTransaction(chain, txHash)
  if (finding.kind === 'mined' && finding.location.succeeded) {
    await recordSeen(
      deps.sql,
      finding.transfers.map((transfer) => ({
        ...transfer,
        chainId: chain.chainId,
        txHash,
        blockNumber: finding.location.blockNumber,
        blockHash: finding.location.blockHash,
        blockTimestamp: new Date(Number(finding.timestamp) * 1000),
      })),
    )
  }
  return finding
}

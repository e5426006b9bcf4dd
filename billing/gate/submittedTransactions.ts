import type { Hash } from 'viem'
import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { ProvenTransfer } from '../chain/proof/transfers.ts'
import { recordSeen } from '../deposits/recordSeen.ts'
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

/** What the RPCs of one chain say about a transaction hash. */
export type TransactionFinding =
  /** In a block; `transfers` are its payments to the wallet, by asset and payer. */
  | { kind: 'mined'; location: TransactionLocation; timestamp: bigint; transfers: ProvenTransfer[] }
  /** Known, but in no block that enough RPCs have. */
  | { kind: 'unmined'; transfers: ProvenTransfer[] }
  /** All RPCs answered, and none knows it. */
  | { kind: 'absent' }
  /** The RPCs do not answer, or disagree. */
  | { kind: 'unknown' }

/** Finds out what a transaction pays on one chain. Records nothing. */
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

const MAX_SUBMITTED_PER_PASS = 50

/** After this many hours unmined, a transaction is no longer searched for. It can be submitted again. */
const MAX_SEARCH_HOURS = 24

/** Searches for submitted transactions that were not mined at the time, so that they need no row from the indexer. */
export async function searchSubmitted(deps: GateDeps, chain: GateChain): Promise<void> {
  const { sql } = deps
  const submitted = await sql<{ txHash: Hash }[]>`
    select tx_hash as "txHash" from credits.submitted_transaction
    where chain_id = ${chain.chainId} and retry_at <= now()
    order by retry_at limit ${MAX_SUBMITTED_PER_PASS}`
  for (const { txHash } of submitted) {
    const recorded = await recordTransaction(deps, chain, txHash)
    if (recorded.kind === 'unmined' || recorded.kind === 'unknown') {
      // At growing intervals: an hour after the submission, every minute or so.
      await sql`
        update credits.submitted_transaction
        set retry_at = now() + greatest(interval '2 seconds', (now() - submitted_at) / 60)
        where chain_id = ${chain.chainId} and tx_hash = ${txHash}`
    } else {
      await sql`
        delete from credits.submitted_transaction where chain_id = ${chain.chainId} and tx_hash = ${txHash}`
    }
  }
  await sql`
    delete from credits.submitted_transaction
    where chain_id = ${chain.chainId} and submitted_at < now() - make_interval(hours => ${MAX_SEARCH_HOURS})`
}

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

const SUBMITTED_AT_ONCE = 50

/** How long a transaction may stay unmined before it is no longer looked for; it can be submitted again. */
const SEARCH_HOURS = 24

/** Looks for submitted transactions that were not mined yet, so that they need no row from the indexer. */
export async function searchSubmitted(deps: GateDeps, chain: GateChain): Promise<void> {
  const { sql } = deps
  const submitted = await sql<{ txHash: Hash }[]>`
    select tx_hash as "txHash" from credits.submitted_transaction
    where chain_id = ${chain.chainId} and retry_at <= now()
    order by retry_at limit ${SUBMITTED_AT_ONCE}`
  for (const { txHash } of submitted) {
    const recorded = await recordTransaction(deps, chain, txHash)
    if (recorded.kind === 'unmined' || recorded.kind === 'unknown') {
      // Later and later: an hour after its submission, every minute or so.
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
    where chain_id = ${chain.chainId} and submitted_at < now() - make_interval(hours => ${SEARCH_HOURS})`
}

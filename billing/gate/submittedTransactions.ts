import type { Hash } from 'viem'
import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { ProvenTransfer } from '../chain/proof/transfers.ts'
import { recordSeen } from '../deposits/recordSeen.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'
import { isWhollyRead, noteWholeReadings, seenOf } from './readings.ts'

/**
 * Finds a transaction and records its deposits as pending, each as seen again where it is known. Notes that the whole of it
 * was read, where it was. Idempotent.
 */
export async function recordTransaction(
  deps: GateDeps,
  chain: GateChain,
  txHash: Hash,
): Promise<TransactionFinding> {
  const finding = await findTransaction(chain, txHash)
  if (finding.kind !== 'mined' || !finding.location.succeeded) return finding
  const { location, timestamp, transfers } = finding
  const { blockNumber, blockHash } = location
  await recordSeen(deps.sql, seenOf(deps, chain, { txHash, transfers, blockNumber, blockHash, timestamp }))
  if (transfers.length > 0) await noteWholeReadings(deps.sql, chain, [{ txHash, blockHash }])
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
  /** In a block, and what it pays cannot be read just now. */
  | { kind: 'unread' }
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
      // Its receipt or trace cannot be had: what it pays is not known, which is not the same as nothing.
      if (transaction === undefined) return { kind: 'unread' }
      const { timestamp } = evidence.value
      return { kind: 'mined', location, timestamp, transfers: transaction.transfers }
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

/** After this many days a submission is forgotten. It can be made again. */
const MAX_SEARCH_DAYS = 7

/**
 * Looks again for submitted transactions that were not mined, or paid nothing by what the RPCs said: no look is the last
 * word, and nothing here needs a row from the indexer.
 *
 * At growing intervals: an hour after the submission every minute or so, and where the transaction is mined and pays
 * nothing (as nearly all that are, truly do) each time after a quarter of its age again: some sixty looks in a week.
 */
export async function searchSubmitted(deps: GateDeps, chain: GateChain): Promise<void> {
  const { sql } = deps
  const now = deps.clock()
  const submitted = await sql<{ txHash: Hash }[]>`
    select tx_hash as "txHash" from credits.submitted_transaction
    where chain_id = ${chain.chainId} and retry_at <= ${now}
    order by retry_at limit ${MAX_SUBMITTED_PER_PASS}`
  for (const { txHash } of submitted) {
    const found = await recordTransaction(deps, chain, txHash)
    const isRecorded = found.kind === 'mined' && found.location.succeeded && found.transfers.length > 0
    if (isRecorded && (await isWhollyRead(sql, chain, txHash))) {
      await sql`
        delete from credits.submitted_transaction where chain_id = ${chain.chainId} and tx_hash = ${txHash}`
    } else {
      const share = found.kind === 'mined' ? 4 : 60
      await sql`
        update credits.submitted_transaction
        set retry_at = ${now}::timestamptz + greatest(interval '2 seconds', (${now}::timestamptz - submitted_at) / ${share}::int)
        where chain_id = ${chain.chainId} and tx_hash = ${txHash}`
    }
  }
  await sql`
    delete from credits.submitted_transaction
    where chain_id = ${chain.chainId} and submitted_at < ${now}::timestamptz - make_interval(days => ${MAX_SEARCH_DAYS})`
}

/** Keeps a submitted hash to be looked for again. Idempotent. */
export async function rememberSubmission(
  { sql, clock }: Pick<GateDeps, 'sql' | 'clock'>,
  chainId: number,
  txHash: Hash,
): Promise<void> {
  const now = clock()
  await sql`
    insert into credits.submitted_transaction (chain_id, tx_hash, submitted_at, retry_at)
    values (${chainId}, ${txHash}, ${now}, ${now})
    on conflict do nothing`
}

import pLimit from 'p-limit'
import type { Hash } from 'viem'
import type { UntracedTransaction } from '../../chain/proof/findEther.ts'
import type { Sql } from '../../database/connect.ts'
import { recordSeen } from '../../deposits/recordSeen.ts'
import type { GateChain, GateDeps } from '../gateDeps.ts'
import { seenOf } from '../readings.ts'
import { recordTransaction, type TransactionFinding } from '../submittedTransactions.ts'

/**
 * Notes transactions that could not be traced where the chain was looked through, by the indexer or by us: what they pay is
 * not known, and {@link searchUntraced} looks at each by itself. Idempotent.
 */
export async function noteUntraced(
  sql: Sql,
  chainId: number,
  transactions: UntracedTransaction[],
): Promise<void> {
  if (transactions.length === 0) return
  const rows = transactions.map(({ txHash, blockNumber, blockHash }) => ({
    tx_hash: txHash,
    block_number: blockNumber.toString(),
    block_hash: blockHash,
  }))
  await sql`
    insert into credits.untraced_transaction as u (chain_id, tx_hash, block_number, block_hash)
    select distinct on (tx_hash) ${chainId}::bigint, tx_hash, block_number, block_hash
    from jsonb_to_recordset(${sql.json(rows)}) as row (tx_hash text, block_number bigint, block_hash text)
    order by tx_hash
    on conflict (chain_id, tx_hash) do update
    set block_number = excluded.block_number, block_hash = excluded.block_hash, retry_at = now(), missing_wei = null
    where u.block_hash <> excluded.block_hash`
}

interface UntracedRow {
  txHash: Hash
  blockNumber: bigint
  blockHash: Hash
  missingWei: string | null
}

const MAX_LOOKED_AT_PER_ROUND = 20
/** Each may be of the kind that takes a node seconds and us megabytes. */
const MAX_LOOKED_AT_ONCE = 2

/**
 * Looks again, each by itself, at transactions that could not be traced. As soon as one can be read its payments are
 * recorded like any other; until then what it pays by its own value is, and held for want of its evidence.
 *
 * Whether something is missing is told by the wallet's balance: what came in with the block beyond what is recorded of it is
 * an alarm, with amount, block and transaction.
 *
 * Looks at growing intervals, for {@link MAX_SEARCH_DAYS} days: a transaction that nobody can trace mostly has nothing to
 * do with us, and anybody can make one.
 */
export async function searchUntraced(deps: GateDeps, chain: GateChain): Promise<void> {
  const { sql } = deps
  const { chainId } = chain
  if (chain.setup.ethDetection !== 'traces') return
  const due = await sql<UntracedRow[]>`
    select tx_hash as "txHash", block_number as "blockNumber", block_hash as "blockHash", missing_wei::text as "missingWei"
    from credits.untraced_transaction where chain_id = ${chainId} and retry_at <= ${deps.clock()}
    order by retry_at limit ${MAX_LOOKED_AT_PER_ROUND}`
  const limit = pLimit(MAX_LOOKED_AT_ONCE)
  await Promise.all(due.map((row) => limit(() => lookAt(deps, chain, row))))
  if (due.length > 0) await forgetOld(sql, chainId)
}

/** Looks go on for so long where nobody can read the transaction; for ever while ETH came in that nothing explains. */
const MAX_SEARCH_DAYS = 30
/** One that was read and pays us nothing is read again for so long: what one RPC says once may be wrong. */
const MAX_HOURS_OF_NOTHING = 1

async function lookAt(deps: GateDeps, chain: GateChain, row: UntracedRow): Promise<void> {
  const { sql } = deps
  const { chainId } = chain
  const { txHash } = row
  const found = await recordTransaction(deps, chain, txHash)
  if (found.kind === 'mined' && found.location.succeeded && found.transfers.length > 0) {
    await sql`delete from credits.untraced_transaction where chain_id = ${chainId} and tx_hash = ${txHash}`
    return
  }
  const missing = found.kind === 'unread' ? await recordUnread(deps, chain, row) : null
  const isRead = isNothing(found)
  await sql`
    update credits.untraced_transaction
    set retry_at = ${deps.clock()}::timestamptz
        + least(greatest((${deps.clock()}::timestamptz - noted_at) / 4, interval '5 seconds'), interval '1 hour'),
      missing_wei = ${isRead ? '0' : (missing?.toString() ?? row.missingWei)}, is_read = ${isRead}
    where chain_id = ${chainId} and tx_hash = ${txHash}`
}

function isNothing(found: TransactionFinding): boolean {
  return found.kind === 'mined'
}

/** What it pays by its own value is seen, though not proven; returns what came in beyond all that is recorded, in wei. */
async function recordUnread(deps: GateDeps, chain: GateChain, row: UntracedRow): Promise<bigint | null> {
  const { txHash } = row
  const [located, preview] = await Promise.all([chain.reader.locate(txHash), chain.reader.preview(txHash)])
  if (located.kind !== 'agreed' || located.value === null || !located.value.succeeded) return null
  const { blockNumber, blockHash } = located.value
  const own = preview.kind === 'known' ? preview.transfers.filter(({ asset }) => asset === 'eth') : []
  if (own.length > 0) {
    const timestamp =
      (await chain.reader.readTimestamp(blockNumber)) ?? BigInt(Math.floor(deps.clock().getTime() / 1000))
    const seen = seenOf(deps, chain, { txHash, transfers: own, blockNumber, blockHash, timestamp })
    await recordSeen(
      deps.sql,
      seen.map((one) => ({ ...one, under: one.under && { ...one.under, by: 'transactions' as const } })),
    )
  }
  const gain = await chain.reader.readEtherGain({ number: blockNumber, hash: blockHash })
  if (gain.kind !== 'agreed') return null
  const [recorded] = await deps.sql<{ wei: string }[]>`
    select coalesce(sum(amount_base_units), 0)::text as wei from credits.deposit
    where chain_id = ${chain.chainId} and block_hash = ${blockHash} and rail = ${`eth:${chain.chainId}`}
      and state <> 'orphaned'`
  const missing = gain.value - BigInt(recorded?.wei ?? 0)
  if (missing > 0n && missing.toString() !== row.missingWei) {
    deps.report({ kind: 'untraced', chainId: chain.chainId, txHash, blockNumber, missingWei: missing })
  }
  return missing
}

async function forgetOld(sql: Sql, chainId: number): Promise<void> {
  await sql`
    delete from credits.untraced_transaction
    where chain_id = ${chainId} and (
      (noted_at < now() - make_interval(days => ${MAX_SEARCH_DAYS}) and coalesce(missing_wei, 0) <= 0)
      or (is_read and noted_at < now() - make_interval(hours => ${MAX_HOURS_OF_NOTHING})))`
}

import type { Hash } from 'viem'
import type { Evidence } from '../chain/proof/evidence.ts'
import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Head } from '../chain/readHead.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Asset, EthDetection } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import { assetOf, type OpenDeposit } from '../deposits/deposit.ts'
import { lostRetryDelayMs } from '../deposits/retryDelay.ts'
import { reanchorCredit, reverseCredit } from '../deposits/reverseCredit.ts'
import { selectWatched } from '../deposits/selectDeposits.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'
import { arrivedAmount } from './planDeposit.ts'

/**
 * Watches credits until the chain can no longer take them back.
 *
 * One request per pass is usually enough. The anchor is a block that was canonical when all standing credits below it were
 * last seen canonical; while it is canonical, so are its ancestors. Only when it no longer is, each block is checked. Each
 * block is also checked once when the chain's finalized block passes it, and that answer is final (ADR 0009).
 */
export async function watchCredits(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const { sql } = deps
  const stands = await anchorStands(deps, chain, head)
  if (stands === 'unknown') return
  const since = await readHorizon(sql)
  const watched = await selectWatchedBlocks(sql, chain.chainId)
  const suspects =
    stands === 'yes'
      ? watched.filter(({ number, isNew }) => isNew || number <= head.finalizedNumber)
      : watched
  let allKnown = true
  const standing: Hash[] = []
  for (const block of suspects) {
    const canonical = await chain.reader.readCanonicalHash(block.number)
    if (canonical.kind !== 'agreed') {
      if (canonical.kind === 'disagreement') {
        deps.report({ kind: 'disagreement', chainId: chain.chainId, detail: canonical.detail })
      }
      allKnown = false
    } else if (canonical.value === block.hash) {
      if (block.number <= head.finalizedNumber) standing.push(block.hash)
    } else {
      const deposits = await selectWatched(sql, { chainId: chain.chainId, blockHashes: [block.hash] })
      const resolved = await resolveRemovedBlock(deps, chain, head, deposits)
      allKnown &&= resolved
    }
  }
  await finalize(sql, chain.chainId, standing)
  if (allKnown) await setAnchor(sql, chain.chainId, { head, since })
}

/** `no` also when there is no anchor yet; `unknown` while the RPCs give no clear answer, which changes nothing. */
async function anchorStands(deps: GateDeps, chain: GateChain, head: Head): Promise<'yes' | 'no' | 'unknown'> {
  const [anchor] = await deps.sql<{ number: bigint | null; hash: Hash | null }[]>`
    select anchor_number as number, anchor_hash as hash from credits.chain_status where chain_id = ${chain.chainId}`
  if (anchor?.number == null || anchor.hash === null) return 'no'
  if (anchor.hash === head.hash) return 'yes'
  const canonical = await chain.reader.readCanonicalHash(anchor.number)
  switch (canonical.kind) {
    case 'agreed':
      return canonical.value === anchor.hash ? 'yes' : 'no'
    case 'disagreement':
      deps.report({ kind: 'disagreement', chainId: chain.chainId, detail: canonical.detail })
      return 'unknown'
    case 'behind':
      // The head fell below the anchor (a load-balanced RPC, or a reorg to a shorter chain): check each block instead.
      return head.number < anchor.number ? 'no' : 'unknown'
    case 'state_unavailable':
    case 'unavailable':
      return 'unknown'
  }
}

interface WatchedBlock {
  number: bigint
  hash: Hash
  /** It holds a deposit that was credited, or moved there, since the anchor was set. */
  isNew: boolean
}

async function selectWatchedBlocks(sql: Sql, chainId: number): Promise<WatchedBlock[]> {
  return sql<WatchedBlock[]>`
    select d.block_number as number, d.block_hash as hash,
      bool_or(s.anchored_at is null or d.updated_at >= s.anchored_at) as "isNew"
    from credits.deposit d join credits.chain_status s on s.chain_id = d.chain_id
    where d.chain_id = ${chainId} and d.state = 'credited' and not d.final
    group by d.block_number, d.block_hash order by 1`
}

/**
 * Handles credits whose block was replaced: their transactions are gone, or have only moved. Returns false while the RPCs
 * do not say which.
 */
async function resolveRemovedBlock(
  deps: GateDeps,
  chain: GateChain,
  head: Head,
  deposits: OpenDeposit[],
): Promise<boolean> {
  let resolved = true
  for (const deposit of deposits) {
    // The replacement must be as deep as a deposit has to be: a head that only went back proves nothing.
    if (head.number - deposit.blockNumber + 1n < BigInt(chain.confirmations)) resolved = false
    else resolved = (await resolveRemovedDeposit(deps, chain, deposit)) && resolved
  }
  return resolved
}

async function resolveRemovedDeposit(
  deps: GateDeps,
  chain: GateChain,
  deposit: OpenDeposit,
): Promise<boolean> {
  const located = await chain.reader.locate(deposit.txHash)
  if (located.kind !== 'agreed') return false
  const now = deps.clock()
  const moved = located.value
  if (moved?.blockHash === deposit.blockHash) return false
  if (moved !== null) {
    const proof = await proveSamePayment(deps, chain, deposit, moved)
    if (proof === 'unknown') return false
    if (proof === 'same') {
      await reanchorCredit(deps.sql, deposit, moved)
      return true
    }
  }
  const retryAt = new Date(now.getTime() + lostRetryDelayMs(0))
  const event = await reverseCredit(deps.sql, deposit, {
    movedTo: moved?.succeeded ? moved : null,
    retryAt,
    now,
  })
  if (event !== null) deps.report(event)
  return true
}

/**
 * Whether the transaction pays the same amount in the block it moved to, to the wallet and in the token that it was credited
 * for: whatever the settings are by now, also where its rail is off.
 */
async function proveSamePayment(
  deps: GateDeps,
  chain: GateChain,
  deposit: OpenDeposit,
  to: TransactionLocation,
): Promise<'same' | 'different' | 'unknown'> {
  const { txHash, seenUnder } = deposit
  const asset = assetOf(deposit.rail)
  const token = seenUnder?.token ?? deps.rails.get(deposit.rail)?.config.token ?? null
  if (asset !== 'eth' && token === null) return 'unknown'
  const evidence = await chain.reader.readEvidence({
    block: { number: to.blockNumber, hash: to.blockHash },
    transactions: [{ txHash, ether: asset === 'eth' }],
    // What a token delivered takes the balances before and after the block; ETH needs none.
    state: token !== null,
    under: {
      wallet: seenUnder?.wallet ?? chain.setup.wallet,
      tokens: new Map(token === null ? [] : [[token, asset]]),
    },
  })
  if (evidence.kind === 'disagreement') {
    deps.report({ kind: 'disagreement', chainId: chain.chainId, detail: evidence.detail })
  }
  return planMoved(deposit, evidence, { asset, way: chain.setup.ethDetection })
}

async function finalize(sql: Sql, chainId: number, blockHashes: Hash[]): Promise<void> {
  if (blockHashes.length === 0) return
  await sql`
    update credits.deposit set final = true
    where chain_id = ${chainId} and state = 'credited' and not final and block_hash = any(${blockHashes}::text[])`
}

/**
 * A list of credits that is read after this misses none with an earlier `updated_at`. That is when its transaction began: a
 * credit that waits for a lock just now is seen only later, and is older than it seems.
 */
async function readHorizon(sql: Sql): Promise<string> {
  const [row] = await sql<{ at: string }[]>`
    select least(now(), min(xact_start))::text as at from pg_stat_activity where datname = current_database()`
  if (row === undefined) throw new Error('the database does not tell the time')
  return row.at
}

/** Sets the anchor as of the time the pass recorded its head, or before: what was credited since then stays new. */
async function setAnchor(
  sql: Sql,
  chainId: number,
  { head, since }: { head: Head; since: string },
): Promise<void> {
  await sql`
    update credits.chain_status
    set anchor_number = ${head.number.toString()}, anchor_hash = ${head.hash},
      anchored_at = least(passed_at, ${since}::timestamptz)
    where chain_id = ${chainId}`
}

/**
 * Whether a credited transaction, in the block a reorg moved it to, still pays what was credited. The settings by which it
 * would be judged today say nothing about that, and nor does what it is worth. Pure.
 *
 * @param way How the chain's RPCs show ETH now: what a trace showed is not taken back for want of one.
 */
export function planMoved(
  deposit: OpenDeposit,
  evidence: Agreed<Evidence>,
  { asset, way }: { asset: Asset; way: EthDetection },
): 'same' | 'different' | 'unknown' {
  if (evidence.kind !== 'agreed' || !evidence.value.canonical) return 'unknown'
  const transaction = evidence.value.transactions.find(({ txHash }) => txHash === deposit.txHash)
  if (transaction === undefined) return 'unknown'
  const paid = transaction.succeeded
    ? transaction.transfers.find((transfer) => transfer.asset === asset && transfer.payer === deposit.payer)
    : undefined
  const arrived = paid === undefined ? 0n : arrivedAmount(paid.amountBaseUnits, asset, evidence.value)
  if (arrived === null) return 'unknown'
  if (arrived === deposit.amountBaseUnits) return 'same'
  const isWeaker = asset === 'eth' && way === 'transactions' && deposit.seenUnder?.by === 'traces'
  return isWeaker && transaction.succeeded ? 'unknown' : 'different'
}

import type { Hash } from 'viem'
import type { Head } from '../../chain/readHead.ts'
import { railOf } from '../../deposits/deposit.ts'
import { readIndexedBlocks } from '../../health/readGauges.ts'
import type {
  BlockRange,
  GateChain,
  GateDeps,
  SearchLane,
  SearchProgress,
  UnindexedSearch,
} from '../gateDeps.ts'
import { rescan } from './rescan.ts'

/** An index that works reaches a head in a second or two; one that has not reached it after so long is behind. */
const INDEX_PATIENCE_MS = 10_000
/** After a reorg, blocks already searched are searched again this far down. */
const BLOCKS_SEARCHED_AGAIN = 64n

/**
 * While the index is behind the head, whatever the reason, looks through the new blocks on the RPCs themselves, at each
 * head, for tokens by their logs and for what transactions pay in ETH by their own value: a stuck indexer must not delay a
 * payment. Costs nothing while the index keeps up.
 *
 * What is found is recorded as seen, and proven like any other. Where it got to is kept in the database.
 */
export async function searchUnindexed(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const { sql } = deps
  const { chainId } = chain
  const lag = await readLag(deps, chain, head)
  if (lag === null) return
  const { search, indexed } = lag
  search.quick ??= { progress: await readSearched(deps, chainId), hash: null }
  const ether = hasEther(deps, chain) ? ('transactions' as const) : false
  await advance(chain, { head, indexed, lane: search.quick }, async ({ from, to }) => {
    await rescan(deps, { chainId, fromBlock: from, toBlock: to, ether })
  })
  const { progress } = search.quick
  // What a restart may take for searched.
  const searched = progress?.gap ? progress.gap.from - 1n : progress?.number
  if (searched === undefined) return
  await sql`
    update credits.chain_status set searched_number = ${searched.toString()}
    where chain_id = ${chainId} and searched_number is distinct from ${searched.toString()}`
}

/**
 * The same for ETH in the traces of those blocks. Apart, because traces can be slow or away for long, and neither tokens
 * nor plain payments wait for them. A restart begins again where the index stands.
 */
export async function searchUnindexedTraces(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  if (chain.setup.ethDetection !== 'traces' || !hasEther(deps, chain)) return
  const { chainId } = chain
  const lag = await readLag(deps, chain, head)
  if (lag === null) return
  const { search, indexed } = lag
  search.traces ??= { progress: null, hash: null }
  await advance(chain, { head, indexed, lane: search.traces }, async ({ from, to }) => {
    await rescan(deps, { chainId, fromBlock: from, toBlock: to, tokens: false, ether: true })
  })
}

function hasEther({ rails }: GateDeps, { chainId }: GateChain): boolean {
  return rails.has(railOf('eth', chainId))
}

/** null while the index keeps up, or has not been behind for long. */
async function readLag(
  { sql, clock, searchedTo }: GateDeps,
  { chainId }: GateChain,
  head: Head,
): Promise<{ search: UnindexedSearch; indexed: bigint | null } | null> {
  const indexed = (await readIndexedBlocks(sql))?.get(String(chainId))?.number ?? null
  const now = clock().getTime()
  if (indexed !== null && indexed >= head.number) {
    searchedTo.delete(chainId)
    return null
  }
  const known = searchedTo.get(chainId)
  // It moves while it reaches what was the head before.
  const isMoving = known !== undefined && indexed !== null && indexed >= known.awaited
  if (known === undefined || isMoving || now < known.since) {
    searchedTo.set(chainId, { awaited: head.number, since: now, quick: null, traces: null })
    return null
  }
  return now - known.since < INDEX_PATIENCE_MS ? null : { search: known, indexed }
}

async function advance(
  chain: GateChain,
  { head, indexed, lane }: { head: Head; indexed: bigint | null; lane: SearchLane },
  search: (range: BlockRange) => Promise<void>,
): Promise<void> {
  const { progress, hash } = lane
  const isAtHead = progress !== null && progress.number === head.number && hash === head.hash
  if (isAtHead && progress.gap === null) return
  const isSame =
    isAtHead || (progress !== null && hash !== null && (await stands(chain, progress.number, hash)))
  const again = isSame ? 0n : BLOCKS_SEARCHED_AGAIN
  const plan = planSearch({ head: head.number, startBlock: chain.startBlock, indexed, progress, again })
  if (plan.newest !== null) {
    await search(plan.newest)
    // What fails in the gap must not undo this.
    lane.progress = { ...plan.after, gap: joinedGap(plan.gap, plan.after.gap) }
    lane.hash = head.hash
  }
  if (plan.gap === null) return
  await search(plan.gap)
  lane.progress = plan.after
}

function joinedGap(step: BlockRange | null, left: BlockRange | null): BlockRange | null {
  return step === null ? left : { from: left?.from ?? step.from, to: step.to }
}

async function stands(chain: GateChain, number: bigint, hash: Hash): Promise<boolean> {
  const canonical = await chain.reader.readCanonicalHash(number)
  return canonical.kind === 'agreed' && canonical.value === hash
}

async function readSearched({ sql }: GateDeps, chainId: number): Promise<SearchProgress | null> {
  const [row] = await sql<{ searched: bigint | null }[]>`
    select searched_number as searched from credits.chain_status where chain_id = ${chainId}`
  return row?.searched == null ? null : { number: row.searched, gap: null }
}

/** The newest blocks come first, so that a payment made now does not wait for the search of those before. */
const MAX_BLOCKS_FIRST = 64n
/** What is left of a gap is searched in steps of so many blocks. */
const MAX_BLOCKS_OF_A_GAP = 100n
/** Blocks searched back at most: an index that is behind by more is in its backfill, or an operator's rescan is due. */
const MAX_BLOCKS_BACK = 2_000n
/** Where an index has stopped, it may stand on a block that never was: these below it are searched too. */
const BLOCKS_BELOW_INDEX = 8n

/**
 * Decides which blocks to search next while the index is behind the head: the newest first, then step by step those
 * between. Pure.
 *
 * @param startBlock `START_BLOCK`: what is older is nobody's to find by itself.
 * @param indexed where the index stands; null where there is none.
 * @param searched up to where was searched, as far as is known, and `again` blocks of that anew; null where nothing was.
 */
export function planSearch({
  head,
  startBlock,
  indexed,
  progress,
  again,
}: {
  head: bigint
  startBlock: bigint
  indexed: bigint | null
  progress: SearchProgress | null
  again: bigint
}): { newest: BlockRange | null; gap: BlockRange | null; after: SearchProgress } {
  const isFirst = progress === null && indexed === null
  const oldest = head - (isFirst ? MAX_BLOCKS_FIRST : MAX_BLOCKS_BACK)
  const unindexed = indexed === null ? oldest : indexed + 1n - BLOCKS_BELOW_INDEX
  const unsearched = progress === null ? 0n : progress.number + 1n - again
  const from = latest(startBlock, oldest, unindexed, unsearched)
  const first = latest(from, head + 1n - MAX_BLOCKS_FIRST)
  const newest = from > head ? null : { from: first, to: head }
  const skipped = first > from ? { from, to: first - 1n } : null
  const open = joined(progress?.gap ?? null, skipped)
  const rest = open === null ? null : { from: latest(open.from, oldest, unindexed, startBlock), to: open.to }
  const gap = rest === null || rest.from > rest.to ? null : rest
  const step = gap === null ? null : { from: latest(gap.from, gap.to + 1n - MAX_BLOCKS_OF_A_GAP), to: gap.to }
  const left =
    gap === null || step === null || step.from === gap.from ? null : { from: gap.from, to: step.from - 1n }
  const number = newest === null ? (progress?.number ?? head) : head
  return { newest, gap: step, after: { number, gap: left } }
}

function joined(one: BlockRange | null, other: BlockRange | null): BlockRange | null {
  if (one === null || other === null) return one ?? other
  return { from: one.from < other.from ? one.from : other.from, to: latest(one.to, other.to) }
}

function latest(first: bigint, ...others: bigint[]): bigint {
  return others.reduce((highest, one) => (one > highest ? one : highest), first)
}

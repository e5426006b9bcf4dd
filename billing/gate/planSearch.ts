/** Blocks, both ends included. */
export interface BlockRange {
  from: bigint
  to: bigint
}

/** How far one search of a chain has got. */
export interface SearchProgress {
  /** Up to here everything is searched, but for the gap. */
  number: bigint
  /** Blocks further down that are still to be searched. */
  gap: BlockRange | null
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

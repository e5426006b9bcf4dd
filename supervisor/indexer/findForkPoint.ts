import type { Anchor } from './indexStore.ts'

/**
 * The newest remembered block that is still canonical: everything the indexer holds above it is in doubt. Null when none
 * is canonical, so everything is in doubt.
 *
 * A block is canonical only when all below it are, so the answer is found by bisection: eight requests for two hundred
 * blocks.
 *
 * @param anchors newest first.
 * @throws what `isCanonical` throws, for example when the RPCs do not agree: then nothing may be decided.
 */
export async function findForkPoint(
  anchors: Anchor[],
  isCanonical: (anchor: Anchor) => Promise<boolean>,
): Promise<bigint | null> {
  let low = 0
  let high = anchors.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const anchor = anchors[middle]
    if (anchor === undefined) break
    if (await isCanonical(anchor)) high = middle
    else low = middle + 1
  }
  return anchors[low]?.number ?? null
}

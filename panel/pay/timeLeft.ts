import { knownChain } from './chains.ts'

/** How many confirmations a deposit was seen to have, and when. */
export interface Sighting {
  confirmations: number
  atMs: number
}

/** What an estimate is based on. */
export interface TimeLeftInput {
  chainId: number
  confirmations: number
  confirmationsRequired: number
  /** Oldest first; the page's own observations. */
  sightings: Sighting[]
  nowMs: number
}

/**
 * Estimates how many seconds remain until a payment has its confirmations: the remaining blocks at the chain's usual pace
 * (on unknown chains, at the pace seen so far), less the time since the last block was seen. Never below zero; null when
 * there is nothing to estimate from. Blocks keep no timetable, so present it as an estimate.
 */
export function timeLeft({
  chainId,
  confirmations,
  confirmationsRequired,
  sightings,
  nowMs,
}: TimeLeftInput): number | null {
  const missing = confirmationsRequired - confirmations
  if (missing <= 0) return 0
  const blockSeconds = knownChain(chainId)?.blockSeconds ?? pace(sightings)
  if (blockSeconds === null) return null
  const newest = sightings.findLast((sighting) => sighting.confirmations === confirmations)
  const passedSeconds = newest === undefined ? 0 : Math.max(0, (nowMs - newest.atMs) / 1000)
  return Math.max(0, Math.round(missing * blockSeconds - Math.min(passedSeconds, blockSeconds)))
}

/** Seconds per block as observed; null before a block was seen. */
function pace(sightings: Sighting[]): number | null {
  // Only rising confirmations count blocks: after a reorg they start again.
  const from = sightings.findLastIndex(
    (sighting, index) => index > 0 && sighting.confirmations < (sightings[index - 1]?.confirmations ?? 0),
  )
  const run = sightings.slice(Math.max(from, 0)).filter((sighting) => sighting.confirmations > 0)
  const [first, last] = [run[0], run.at(-1)]
  if (first === undefined || last === undefined) return null
  const blocks = last.confirmations - first.confirmations
  return blocks <= 0 ? null : (last.atMs - first.atMs) / 1000 / blocks
}

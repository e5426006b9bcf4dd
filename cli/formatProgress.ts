const BAR_WIDTH = 16

/** How far a count has got. */
export interface Progress {
  what: string
  count: bigint
  /** The total; null if it is unknown. */
  of: bigint | null
  /** Since this count began. */
  elapsedMs: number
}

/**
 * One line that shows how far a count has got: a bar and the time left if the total is known, and the rate. Fits into 80
 * columns up to a billion.
 */
export function formatProgress({ what, count, of, elapsedMs }: Progress): string {
  const perSecond = elapsedMs > 0 ? Number(count) / (elapsedMs / 1_000) : 0
  const rate = perSecond >= 1 ? `, ${Math.floor(perSecond)}/s` : ''
  if (of === null || of === 0n) return `${what}: ${count}${rate}`
  const share = Math.min(1, Number(count) / Number(of))
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
  const left = perSecond >= 1 && count < of ? `, ${formatSeconds(Number(of - count) / perSecond)} left` : ''
  return `${what} ${bar} ${count} of ${of}${rate}${left}`
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  return whole < 60 ? `${whole} s` : `${Math.ceil(whole / 60)} min`
}

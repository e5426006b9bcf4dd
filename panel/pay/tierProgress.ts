/** A discount tier as /v1/config lists it; tiers are in rising order and begin at 0 AXGT. */
export interface TierStep {
  index: number
  label: string
  minimumWholeAxgt: bigint
  discountPercent: string
}

/** Where a balance stands among the tiers. */
export interface TierProgress {
  current: TierStep
  /** null in the highest tier. */
  next: TierStep | null
  /** What is still needed for the next tier, in base units of AXGT; 0 in the highest. */
  missingBaseUnits: bigint
  /** How far from the current tier to the next, 0 to 1000, floored: 1000 only when it is reached. */
  permille: number
}

/**
 * Places an AXGT balance among the tiers by the *whole* AXGT held, as billing does: 99.999 AXGT is tier 0.
 *
 * @param balanceBaseUnits what the wallet holds, in base units of AXGT
 */
export function tierProgress(balanceBaseUnits: bigint, decimals: number, tiers: TierStep[]): TierProgress {
  const unit = 10n ** BigInt(decimals)
  const position = tiers.findLastIndex((tier) => tier.minimumWholeAxgt <= balanceBaseUnits / unit)
  const current = tiers[position]
  if (current === undefined) throw new Error('the first discount tier must begin at 0 AXGT')
  const next = tiers[position + 1] ?? null
  if (next === null) return { current, next, missingBaseUnits: 0n, permille: 1000 }
  const from = current.minimumWholeAxgt * unit
  const to = next.minimumWholeAxgt * unit
  return {
    current,
    next,
    missingBaseUnits: to - balanceBaseUnits,
    permille: Number(((balanceBaseUnits - from) * 1000n) / (to - from)),
  }
}

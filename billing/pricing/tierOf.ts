import type { Tier } from '../config/config.ts'

/**
 * Finds the discount tier of someone who holds `balance` base units of AXGT: the last whose threshold the *whole* AXGT
 * held reach, so that 99.999 AXGT is tier 0 and exactly 100 is tier 1. `tiers` rise and begin at 0 AXGT.
 *
 * @example tierOf({ balance: 100n * 10n ** 18n, decimals: 18 }, pricing.tiers).index // 1
 */
export function tierOf(
  axgt: { balance: bigint; decimals: number },
  tiers: Tier[],
): { index: number; tier: Tier } {
  const wholeAxgt = axgt.balance / 10n ** BigInt(axgt.decimals)
  const index = tiers.findLastIndex((tier) => tier.minimumAxgt <= wholeAxgt)
  const tier = tiers[index]
  if (tier === undefined) throw new Error('the first discount tier must begin at 0 AXGT')
  return { index, tier }
}

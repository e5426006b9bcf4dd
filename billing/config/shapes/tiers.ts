import type { Tier } from '../config.ts'
import { parseDecimal } from '../parseDecimal.ts'
import type { Shape } from '../shape.ts'

/** Discount tiers by whole AXGT held. The first starts at 0, so that everyone has a tier. */
export const tiers: Shape<Tier[]> = {
  mayBe:
    'a comma-separated list of `whole AXGT:percent` that starts at 0, with rising amounts and percents that never fall and stay below 100',
  parse(text) {
    const value: Tier[] = []
    for (const [index, entry] of text.split(',').entries()) {
      const tier = parseTier(entry.trim())
      if (tier === null) return { ok: false, why: `entry ${index + 1} is not \`whole AXGT:percent\`` }
      const why = whatIsWrongWith(tier, value.at(-1))
      if (why !== null) return { ok: false, why: `entry ${index + 1} ${why}` }
      value.push(tier)
    }
    return { ok: true, value }
  },
}

function parseTier(text: string): Tier | null {
  const match = /^(\d{1,30}):([\d.]+)$/.exec(text)
  const discountPercent = parseDecimal(match?.[2] ?? '')
  if (match?.[1] === undefined || discountPercent === null) return null
  return { minimumAxgt: BigInt(match[1]), discountPercent }
}

function whatIsWrongWith(tier: Tier, previous: Tier | undefined): string | null {
  const percent = tier.discountPercent
  if (percent.numerator >= 100n * percent.denominator) return 'is not below 100 percent'
  if (previous === undefined) return tier.minimumAxgt === 0n ? null : 'does not start at 0'
  if (tier.minimumAxgt <= previous.minimumAxgt) return 'does not rise'
  const before = previous.discountPercent
  if (percent.numerator * before.denominator < before.numerator * percent.denominator) {
    return 'gives less than the one before'
  }
  return null
}

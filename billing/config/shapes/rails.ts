import type { Asset, Rail } from '../config.ts'
import type { Shape } from '../shape.ts'

const assets: readonly Asset[] = ['eth', 'usdc', 'axgt']

/** Rails in the order they are named, each once. A faulty list still yields its good entries. */
export const rails: Shape<{ rail: Rail; asset: Asset; chainId: number }[]> = {
  mayBe:
    'a comma-separated list of `asset:chainId`, each once, with asset `eth`, `usdc` or `axgt`, such as `eth:1,usdc:8453`',
  parse(text) {
    const value: { rail: Rail; asset: Asset; chainId: number }[] = []
    const faults: string[] = []
    for (const [index, entry] of text.split(',').entries()) {
      const rail = parseRail(entry.trim())
      if (rail === null) faults.push(`entry ${index + 1} is not a rail`)
      else if (value.some((other) => other.rail === rail.rail)) faults.push(`${rail.rail} is there twice`)
      else value.push(rail)
    }
    if (faults.length > 0) return { ok: false, why: faults.join(', '), salvaged: value }
    return { ok: true, value }
  },
}

function parseRail(text: string): { rail: Rail; asset: Asset; chainId: number } | null {
  const match = /^([a-z]+):([1-9]\d{0,15})$/.exec(text)
  const asset = assets.find((known) => known === match?.[1])
  const chainId = Number(match?.[2])
  if (asset === undefined || !Number.isSafeInteger(chainId)) return null
  return { rail: `${asset}:${chainId}`, asset, chainId }
}

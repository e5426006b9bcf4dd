import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Config } from '../../billing/config/config.ts'

/** What the indexer executes, relative to the checkout. */
const SOURCES = ['abis', 'ponder.config.ts', 'ponder.schema.ts', 'src']

/**
 * 12 hex digits that identify what the index is built by: the indexer's code, Ponder's version, and the settings that
 * decide its contents. Other settings (RPC URLs, intervals, keys) do not change it, so changing them costs no rebuild.
 */
export function buildHash(root: string, config: Config): string {
  const hash = createHash('sha256')
  for (const file of SOURCES.flatMap((source) => filesBelow(join(root, source)))) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0')
  }
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>
  }
  hash.update(`ponder ${manifest.dependencies?.ponder}\0`)
  const chains = [...config.chains].sort((a, b) => a.chainId - b.chainId)
  const rails = [...config.rails].sort((a, b) => (a.rail < b.rail ? -1 : 1))
  hash.update(
    JSON.stringify({
      wallet: config.revenueWallet,
      rails: rails.map(({ rail, token }) => [rail, token]),
      chains: chains.map(({ chainId, startBlock, ethDetection }) => [
        chainId,
        String(startBlock),
        ethDetection,
      ]),
    }),
  )
  return hash.digest('hex').slice(0, 12)
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
}

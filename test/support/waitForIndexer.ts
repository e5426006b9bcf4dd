import type { TestChain } from './createChain.ts'
import type { TestDatabase } from './createTestDatabase.ts'
import { waitUntil } from './waitUntil.ts'

/**
 * Waits until the indexer has indexed the chain's newest block. Before a reorg: one that takes away the very block that
 * Ponder is fetching leaves it asking for that block for a minute, until the supervisor starts it anew.
 */
export async function waitForIndexer({
  chain,
  database,
}: {
  chain: TestChain
  database: TestDatabase
}): Promise<void> {
  const { number } = await chain.head()
  await waitUntil(
    async () => {
      const [row] = await database.sql<{ latest: bigint }[]>`
        select substr(latest_checkpoint, 27, 16)::bigint as latest from indexer._ponder_checkpoint
        where chain_id = ${chain.chainId}`
      return row !== undefined && row.latest >= number
    },
    { withinMs: 45_000, what: `block ${number} in the index` },
  )
}

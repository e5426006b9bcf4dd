import type { BaseSettingsOptions } from './baseSettings.ts'
import { baseSettings } from './baseSettings.ts'
import type { TestDatabase } from './createTestDatabase.ts'
import { type Service, startService } from './startService.ts'
import { waitUntil } from './waitUntil.ts'

/** A row of the indexer's view, as the gate reads it. */
export interface TransferRow {
  chain_id: number
  asset: string
  token: string | null
  payer: string
  amount: string
  tx_hash: string
  block_number: string
  block_hash: string
  log_index: number | null
  trace_index: number | null
}

export interface TestIndexer {
  service: Service
  /** Waits until the view shows a block at that height as indexed, and gives all its transfers in order. */
  transfersAt(blockNumber: bigint, withinMs?: number): Promise<TransferRow[]>
  /** Schemas that hold or held an index. */
  schemas(): Promise<string[]>
  stop(): Promise<void>
}

/** Runs `npm start -- --role indexer`: the supervisor and a real indexer, without billing. */
export async function startIndexer(
  database: TestDatabase,
  options: Omit<BaseSettingsOptions, 'databaseUrl'>,
): Promise<TestIndexer> {
  const settings = await baseSettings({ ...options, databaseUrl: database.url })
  const service = await startService(settings, { args: ['--role', 'indexer'], readyWithinMs: null })
  const { sql } = database

  async function indexedUpTo(blockNumber: bigint): Promise<boolean> {
    const [row] = await sql<{ latest: bigint }[]>`
      select substr(latest_checkpoint, 27, 16)::bigint as latest from indexer._ponder_checkpoint limit 1`
    return row !== undefined && row.latest >= blockNumber
  }

  return {
    service,
    async transfersAt(blockNumber, withinMs = 45_000) {
      await waitUntil(() => indexedUpTo(blockNumber), {
        withinMs,
        what: `block ${blockNumber} in the index`,
      }).catch((error: Error) => {
        throw new Error(`${error.message}\n${service.logs().slice(-4_000)}`)
      })
      return sql<TransferRow[]>`
        select chain_id, asset, token, payer, amount, tx_hash, block_number, block_hash, log_index, trace_index
        from indexer.transfer order by block_number, tx_hash, asset, log_index, trace_index`
    },
    async schemas() {
      const rows = await sql<{ name: string }[]>`
        select nspname as name from pg_namespace where nspname ~ '^indexer_' order by nspname`
      return rows.map(({ name }) => name)
    },
    stop: () => service.stop(),
  }
}

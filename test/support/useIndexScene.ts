import { afterEach, beforeEach } from 'vitest'
import type { BaseSettingsOptions } from './baseSettings.ts'
import { createChain, type TestChain } from './createChain.ts'
import { createTestDatabase, type TestDatabase } from './createTestDatabase.ts'
import { startIndexer, type TestIndexer, type TransferRow } from './startIndexer.ts'

/** A chain, a database and the indexers that a test runs on them. */
export interface IndexScene {
  readonly chain: TestChain
  readonly database: TestDatabase
  /** Starts an indexer, which {@link IndexScene.transfersAt} then reads. The one started last is stopped after the test. */
  start(overrides?: BaseSettingsOptions['overrides']): Promise<TestIndexer>
  /** Mines a payment in ETH to the revenue wallet; returns its block. */
  pay(value: bigint): Promise<bigint>
  /** All transfers, once the indexer started last has indexed a block. */
  transfersAt(blockNumber: bigint): Promise<TransferRow[]>
}

/** Gives each test of a file a fresh chain and database, and removes them after it. */
export function useIndexScene(): IndexScene {
  let chain: TestChain
  let database: TestDatabase
  let indexer: TestIndexer | undefined

  beforeEach(async () => {
    chain = await createChain()
    database = await createTestDatabase()
  })
  afterEach(async () => {
    await indexer?.stop()
    indexer = undefined
    await database.drop()
    await chain.stop()
  })

  return {
    get chain() {
      return chain
    },
    get database() {
      return database
    },
    async start(overrides = {}) {
      indexer = await startIndexer(database, { chains: [chain], overrides })
      return indexer
    },
    async pay(value) {
      const { number } = await chain.mineWith(chain.transferEth({ from: chain.accounts.buyer, value }))
      return number
    },
    async transfersAt(blockNumber) {
      return (await indexer?.transfersAt(blockNumber)) ?? []
    },
  }
}

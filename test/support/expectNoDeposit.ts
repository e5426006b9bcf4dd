import type { Hash } from 'viem'
import { expect } from 'vitest'
import type { Scene } from './startScene.ts'

/** What the public is told of a transaction that will never be credited. */
export type NoDeposit = 'no_qualifying_transfer' | 'transaction_failed'

/**
 * Expects that a mined transaction is no deposit: neither when it is looked at, nor when somebody hands it in to be
 * credited, and that it left no trace in the books, not even a pending row.
 */
export async function expectNoDeposit(scene: Scene, hash: Hash, why: NoDeposit): Promise<void> {
  const { service } = scene
  expect(await tracesOf(scene, hash)).toEqual({ deposits: [], events: [], entries: [] })
  const looked = await service.request(`/v1/transactions/${hash}`)
  expect(looked).toMatchObject({ status: 200, body: { txHash: hash, outcome: why, deposits: [] } })
  const submitted = await service.request('/v1/deposits', { json: { txHash: hash } })
  expect(submitted).toMatchObject({ status: 422, body: { code: why } })
  expect(await tracesOf(scene, hash)).toEqual({ deposits: [], events: [], entries: [] })
}

async function tracesOf({ database: { sql } }: Scene, hash: Hash) {
  const [deposits, events, entries] = await Promise.all([
    sql`select id, state from credits.deposit where tx_hash = ${hash}`,
    sql`select kind from credits.outbox_event where payload->>'txHash' = ${hash}`,
    sql`select reference from credits.ledger_entry where reference like ${`%${hash}%`}`,
  ])
  return { deposits: [...deposits], events: [...events], entries: [...entries] }
}

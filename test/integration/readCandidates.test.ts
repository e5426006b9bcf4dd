import { keccak256, toHex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCandidates } from '../../billing/gate/readCandidates.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { OTHER, PAYER, WALLET } from '../unit/gate/decisionCases.ts'

// Issue 10, A3: REVENUE_WALLET is changed, and the index of before still shows what came in to the old wallet. Goal: that is
// seen under the old one, or it would be judged under the new. Method: rows as an indexer writes them, behind its views.

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql.unsafe('create schema indexer')
  await showIndex('index_a')
})
afterAll(() => database?.drop())

/** A new index takes the place of the one before, as when it is rebuilt. */
async function showIndex(schema: string): Promise<void> {
  await database.sql.unsafe(`
    create schema ${schema};
    create table ${schema}.transfer (
      chain_id bigint, asset text, token text, payer text, amount numeric, tx_hash text, block_number numeric,
      block_hash text, block_timestamp bigint, trace_index int);
    create or replace view indexer.transfer as select * from ${schema}.transfer`)
}

async function write(schema: string, word: string, block: number): Promise<void> {
  const { sql } = database
  await sql`
    insert into ${sql(schema)}.transfer
    values (1, 'eth', null, ${PAYER}, 5, ${keccak256(toHex(word))}, ${block}, ${keccak256(toHex(block))}, 1, 0)`
}

async function seenUnder(word: string): Promise<string | null> {
  const [row] = await database.sql<{ wallet: string }[]>`
    select seen_wallet as wallet from credits.deposit where tx_hash = ${keccak256(toHex(word))}`
  return row?.wallet ?? null
}

test('an index shows what was paid to the wallet that it was begun for; a new one, to that of now', async () => {
  const { sql } = database
  // Nothing was paid yet, and the wallet is known all the same.
  await readCandidates(sql, 1, WALLET)
  await write('index_a', 'the first', 9)
  await readCandidates(sql, 1, OTHER)
  expect(await seenUnder('the first')).toBe(WALLET)

  await write('index_a', 'before', 10)
  await readCandidates(sql, 1, WALLET)
  expect(await seenUnder('before')).toBe(WALLET)

  await write('index_a', 'after the change', 11)
  await readCandidates(sql, 1, OTHER)
  await readCandidates(sql, 1, OTHER)
  expect(await seenUnder('after the change')).toBe(WALLET)

  await showIndex('index_b')
  await write('index_b', 'in the new index', 12)
  await readCandidates(sql, 1, OTHER)
  expect(await seenUnder('in the new index')).toBe(OTHER)
  expect(await seenUnder('before')).toBe(WALLET)
  expect(await seenUnder('after the change')).toBe(WALLET)
})

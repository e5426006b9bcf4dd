import { afterEach, beforeEach, expect, test } from 'vitest'
import { depositReasons } from '../../billing/deposits/schema.ts'
import { createMetrics, etherOfUntraced } from '../../billing/health/createMetrics.ts'
import { readGauges } from '../../billing/health/readGauges.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

// Goal: /metrics says for each reason how many payments wait, at 0 too, so that an alarm on it can go off; and how many
// transactions no RPC can trace. Method: rows as the gate leaves them, and the text that Prometheus reads.

const CHAIN = 31_337

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database?.drop())

/** The series of one metric, by its labels: `chain="1",reason="below_minimum"`. */
async function series(metric: string): Promise<Record<string, number>> {
  const text = await createMetrics(() => readGauges(database.sql, [CHAIN, 1])).registry.metrics()
  const lines = [...text.matchAll(/^(\w+)\{([^}]*)\} (\S+)$/gm)]
  return Object.fromEntries(
    lines.flatMap(([, name, labels = '', value]) => (name === metric ? [[labels, Number(value)]] : [])),
  )
}

async function hold(n: number, state: string, reason: string | null, chainId = CHAIN): Promise<void> {
  const hash = `0x${n.toString(16).padStart(64, '0')}`
  const payer = `0x${'a'.repeat(40)}`
  await database.sql`
    insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, reason, amount_base_units, block_number,
      block_hash, block_timestamp, failures)
    values (${`${chainId}-${hash}-usdc-${payer}`}, ${chainId}, ${hash}, ${`usdc:${chainId}`}, ${payer}, ${state}, ${reason}, 1,
      7, ${hash}, now(), ${n})`
}

async function cannotTrace(n: number, missingWei: string | null, isRead = false): Promise<void> {
  const hash = `0x${n.toString(16).padStart(64, '0')}`
  await database.sql`
    insert into credits.untraced_transaction (chain_id, tx_hash, block_number, block_hash, missing_wei, is_read)
    values (${CHAIN}, ${hash}, 7, ${hash}, ${missingWei}, ${isRead})`
}

test('every reason to hold a deposit has its own gauge, on every chain, also while nothing is held', async () => {
  const expected = [CHAIN, 1].flatMap((chain) =>
    depositReasons.map((reason) => [`chain="${chain}",reason="${reason}"`, 0]),
  )
  expect(await series('deposits_held')).toEqual(Object.fromEntries(expected))
})

test('a deposit counts with the reason that it is held for, and not once it is held no more', async () => {
  let n = 0
  for (const [index, reason] of depositReasons.entries()) {
    for (let deposits = 0; deposits <= index; deposits += 1) await hold(++n, 'held', reason)
  }
  for (const state of ['pending', 'orphaned', 'reversed']) await hold(++n, state, null)
  const found = Object.entries(await series('deposits_held')).filter(([, deposits]) => deposits > 0)
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries(
      depositReasons.map((reason, index) => [`chain="${CHAIN}",reason="${reason}"`, index + 1]),
    ),
  )
})

test('what is held on a chain that is no longer configured counts too', async () => {
  await hold(1, 'held', 'rail_disabled', 5)
  expect(await series('deposits_held')).toMatchObject({ 'chain="5",reason="rail_disabled"': 1 })
})

test('transactions that no RPC can trace count by what the ETH of their blocks says, those read since do not', async () => {
  const labels = (ether: string, chain = CHAIN) => `chain="${chain}",ether="${ether}"`
  const none = [CHAIN, 1].flatMap((chain) => etherOfUntraced.map((ether) => [labels(ether, chain), 0]))
  expect(await series('transactions_untraced')).toEqual(Object.fromEntries(none))

  for (const [n, missing] of ['1000000000000000000', null, null, '0', '-5', '0'].entries()) {
    await cannotTrace(n, missing, n === 5)
  }
  expect(await series('transactions_untraced')).toEqual({
    ...Object.fromEntries(none),
    [labels('missing')]: 1,
    [labels('unknown')]: 2,
    [labels('accounted')]: 2,
  })
})

test('a deposit that many looks could not decide counts, and one that is held does not count twice', async () => {
  await hold(7, 'pending', null)
  await hold(8, 'pending', null)
  await hold(9, 'held', 'rpc_disagreement')
  expect(await series('deposits_undecided')).toEqual({ [`chain="${CHAIN}"`]: 1, 'chain="1"': 0 })
})

test('while the database does not answer there is no series, and no error', async () => {
  const gone = await createTestDatabase()
  await gone.drop()
  expect(await readGauges(gone.sql, [CHAIN])).toEqual({ held: [], undecided: [], untraced: [], lag: [] })
})

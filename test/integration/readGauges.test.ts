import { afterEach, beforeEach, expect, test } from 'vitest'
import { depositReasons } from '../../billing/deposits/schema.ts'
import { createMetrics } from '../../billing/health/createMetrics.ts'
import { databaseGauges } from '../../billing/health/databaseGauges.ts'
import { etherOfUntraced, notePassed, openReadings } from '../../billing/health/readGauges.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Goal: /metrics says for each reason how many payments wait, at 0 too, so that an alarm on it can go off; and how many
// transactions no RPC can trace. Method: rows as the gate leaves them, and the text that Prometheus reads.

const CHAIN = 31_337

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database?.drop())

const rails = [`eth:${CHAIN}`, `usdc:${CHAIN}`]

function openMetrics(sql = database.sql) {
  const chains = [CHAIN, 1].map((chainId) => ({ chainId, rpcs: 2 }))
  return createMetrics({ chains, rails, read: openReadings(sql, { chainIds: [CHAIN, 1], rails }) })
}

/** The series of one metric, by its labels: `chain="1",reason="below_minimum"`; '' where it has none. */
function seriesIn(text: string, metric: string): Record<string, number> {
  const lines = [...text.matchAll(/^(\w+)(?:\{([^}]*)\})? (\S+)$/gm)]
  return Object.fromEntries(
    lines.flatMap(([, name, labels = '', value]) => (name === metric ? [[labels, Number(value)]] : [])),
  )
}

const series = async (metric: string) => seriesIn(await openMetrics().text(), metric)

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
  expect(await series('axonos_deposits_held')).toEqual(Object.fromEntries(expected))
})

test('a deposit counts with the reason that it is held for, and not once it is held no more', async () => {
  let n = 0
  for (const [index, reason] of depositReasons.entries()) {
    for (let deposits = 0; deposits <= index; deposits += 1) await hold(++n, 'held', reason)
  }
  for (const state of ['pending', 'orphaned', 'reversed']) await hold(++n, state, null)
  const found = Object.entries(await series('axonos_deposits_held')).filter(([, deposits]) => deposits > 0)
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries(
      depositReasons.map((reason, index) => [`chain="${CHAIN}",reason="${reason}"`, index + 1]),
    ),
  )
})

test('what is held on a chain that is no longer configured counts too', async () => {
  await hold(1, 'held', 'rail_disabled', 5)
  expect(await series('axonos_deposits_held')).toMatchObject({ 'chain="5",reason="rail_disabled"': 1 })
})

test('transactions that no RPC can trace count by what the ETH of their blocks says, those read since do not', async () => {
  const labels = (ether: string, chain = CHAIN) => `chain="${chain}",ether="${ether}"`
  const none = [CHAIN, 1].flatMap((chain) => etherOfUntraced.map((ether) => [labels(ether, chain), 0]))
  expect(await series('axonos_transactions_untraced')).toEqual(Object.fromEntries(none))

  for (const [n, missing] of ['1000000000000000000', null, null, '0', '-5', '0'].entries()) {
    await cannotTrace(n, missing, n === 5)
  }
  expect(await series('axonos_transactions_untraced')).toEqual({
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
  expect(await series('axonos_deposits_undecided')).toEqual({ [`chain="${CHAIN}"`]: 1, 'chain="1"': 0 })
})

test('while the database does not answer no gauge of it is told, an old value least of all, and each part is down', async () => {
  await hold(1, 'held', 'below_minimum')
  const metrics = openMetrics()
  expect(seriesIn(await metrics.text(), 'axonos_deposits_up')).toEqual({ '': 1 })
  await database.sql.end()
  // Scrapes of the same half second share what was read.
  const text = await waitUntil(
    async () => {
      const told = await metrics.text()
      return seriesIn(told, 'axonos_deposits_up')[''] === 0 ? told : null
    },
    { withinMs: 10_000, what: 'a reading without the database' },
  )
  for (const { name, part } of databaseGauges) {
    expect(seriesIn(text, name), name).toEqual({})
    expect(seriesIn(text, `axonos_${part}_up`)).toEqual({ '': 0 })
  }
})

test('a table that somebody has locked takes nothing from the gauges of the others, nor a connection for good', async () => {
  const text = await database.sql.begin(async (tx) => {
    await tx`lock table credits.deposit in access exclusive mode`
    await openMetrics().text()
    return openMetrics().text()
  })
  expect(seriesIn(text, 'axonos_deposits_up')).toEqual({ '': 0 })
  expect(seriesIn(text, 'axonos_deposits_held')).toEqual({})
  expect(seriesIn(text, 'deposits_held')).toEqual({})
  expect(seriesIn(text, 'axonos_webhooks_up')).toEqual({ '': 1 })
  expect(seriesIn(text, 'axonos_sessions')).toEqual({ 'state="running"': 0, 'state="grace"': 0 })
  expect(await series('axonos_deposits_up')).toEqual({ '': 1 })
})

test('every series is there from the start, at 0 where it counts something', async () => {
  const text = await openMetrics().text()
  for (const { name } of databaseGauges) expect(Object.keys(seriesIn(text, name)), name).not.toEqual([])
  const counting = text.matchAll(/^(axonos_\w+)(\{[^}]*\})? (\S+)$/gm)
  for (const [, name = '', labels, value] of counting) {
    // What says that all is well, what is, and how long something takes.
    if (/_up$|_info$|connections|_age_seconds$|event_loop|_bucket$/.test(name)) continue
    expect([name, labels, value]).toEqual([name, labels, '0'])
  }
  expect(seriesIn(text, 'axonos_process_restarts_total')).toEqual({
    'process="billing"': 0,
    'process="indexer"': 0,
    'process="postgres"': 0,
  })
  for (const name of ['axonos_rpc_errors_total', 'axonos_rpc_request_duration_seconds_count']) {
    expect(Object.keys(seriesIn(text, name))).toHaveLength(4)
  }
})

test('the names of before are told beside the new ones, with the same values', async () => {
  await hold(1, 'held', 'below_minimum')
  const text = await openMetrics().text()
  for (const name of [
    'deposits_held',
    'gate_lag_blocks',
    'price_unavailable',
    'gate_pass_duration_seconds_count',
  ]) {
    expect(Object.keys(seriesIn(text, name))).not.toEqual([])
    expect(seriesIn(text, name)).toEqual(seriesIn(text, `axonos_${name}`))
  }
  expect(text).toContain('# TYPE deposits_held gauge')
  // Prometheus refuses a text that tells a series twice.
  const names = [...text.matchAll(/^([a-z_]\S*(?:\{.*\})?) \S+$/gm)].map(([, series]) => series)
  expect(new Set(names).size).toBe(names.length)
})

test('webhooks count by whether they wait, fail or are given up, with the age of the oldest that is still to come', async () => {
  await database.sql`insert into credits.webhook_endpoint (id) values ('r')`
  await database.sql`
    insert into credits.outbox_event (kind, account, payload, created_at, seq)
    select 'balance.low', 'a', '{}', now() - n * interval '1 minute', n from generate_series(1, 4) n`
  await database.sql`
    insert into credits.webhook_delivery (event_id, endpoint_id, state, attempts)
    select id, 'r', case seq when 4 then 'failed' when 3 then 'delivered' else 'pending' end,
      case seq when 1 then 0 else 2 end from credits.outbox_event`
  await database.sql`
    insert into credits.outbox_event (kind, account, payload, created_at)
    values ('balance.low', 'a', '{}', now() - interval '7 minutes')`
  const text = await openMetrics().text()
  expect(seriesIn(text, 'axonos_webhooks_pending')).toEqual({ '': 2 })
  expect(seriesIn(text, 'axonos_webhooks_failing')).toEqual({ '': 1 })
  expect(seriesIn(text, 'axonos_webhooks_given_up')).toEqual({ '': 1 })
  expect(Math.round((seriesIn(text, 'axonos_webhook_oldest_pending_age_seconds')[''] ?? 0) / 60)).toBe(2)
  expect(seriesIn(text, 'axonos_outbox_unpublished_events')).toEqual({ '': 1 })
  expect(Math.round((seriesIn(text, 'axonos_outbox_lag_seconds')[''] ?? 0) / 60)).toBe(7)
})

test('what a leader found out is told while it leads, and by nobody who has lost the lock', async () => {
  const metrics = openMetrics()
  const term = new AbortController()
  metrics.leads(term.signal)
  metrics.rpcProblem.set({ chain: '1' }, 1)
  metrics.priceUnavailable.set({ rail: rails[0] ?? '' }, 1)
  metrics.headSeen(1, 1, BigInt(Math.floor(Date.now() / 1_000) - 100))
  const leading = await metrics.text()
  expect(seriesIn(leading, 'axonos_leader')).toEqual({ '': 1 })
  expect(seriesIn(leading, 'axonos_rpc_problem')).toEqual({ 'chain="1"': 1, [`chain="${CHAIN}"`]: 0 })
  expect(seriesIn(leading, 'axonos_rpc_head_age_seconds')['chain="1",rpc="1"']).toBeGreaterThan(99)

  term.abort()
  const after = await metrics.text()
  for (const name of [
    'axonos_leader',
    'axonos_rpc_problem',
    'axonos_price_unavailable',
    'axonos_rpc_head_age_seconds',
  ]) {
    expect(
      Object.values(seriesIn(after, name)).every((value) => value === 0),
      name,
    ).toBe(true)
  }
  metrics.leads(new AbortController().signal)
  expect(Object.values(seriesIn(await metrics.text(), 'axonos_rpc_problem'))).toEqual([0, 0])
})

test('when verify last found all in order is told by every process', async () => {
  expect(await series('axonos_last_success_timestamp_seconds')).toEqual({
    'check="verify"': 0,
    'check="reconcile"': 0,
  })
  await notePassed(database.sql, 'verify')
  const told = await series('axonos_last_success_timestamp_seconds')
  expect(Math.abs((told['check="verify"'] ?? 0) - Date.now() / 1_000)).toBeLessThan(60)
})

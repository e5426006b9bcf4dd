import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect, type Sql } from '../../billing/database/connect.ts'
import { databaseFault } from '../../billing/database/faults.ts'
import { openPools, type Pools, planPools } from '../../billing/database/pools.ts'
import { createTcpProxy, type TcpProxy } from '../support/createTcpProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Nothing waits for ever: against a real PostgreSQL that is locked, cuts connections, or stops answering.

const TIMEOUT_MS = 1_000
/** Under load everything but the timeouts themselves takes longer. */
const SLACK_MS = 10_000

let database: TestDatabase
let pools: Pools
let others: Sql[]

beforeEach(async () => {
  database = await createTestDatabase()
  pools = openPools(database.url, { size: 20, timeoutMs: TIMEOUT_MS, role: 'all' })
  others = []
})
afterEach(async () => {
  await Promise.all([pools.close(), ...others.map((sql) => sql.end({ timeout: 1 }))])
  await database.drop()
})

test.each([6, 7, 11, 12, 20, 100])(
  'of %i connections every purpose has one, and no role has more in all',
  (size) => {
    for (const role of ['all', 'api', 'worker'] as const) {
      const { requests, beats, work, health } = planPools(size, role)
      const leader = role === 'api' ? 0 : 1
      expect(requests + beats + work + health + leader + 1).toBe(size)
      expect(Math.min(work, health)).toBeGreaterThanOrEqual(1)
      if (role !== 'worker') expect(Math.min(requests, beats)).toBeGreaterThanOrEqual(1)
    }
  },
)

/** Locks a table, as an operator's psql may, until released. */
async function lock(table: string): Promise<() => Promise<void>> {
  let release = () => {}
  const isReleased = new Promise<void>((resolve) => {
    release = resolve
  })
  let isLocked = () => {}
  const locked = new Promise<void>((resolve) => {
    isLocked = resolve
  })
  const over = database.sql.begin(async (tx) => {
    await tx.unsafe(`lock table ${table}`)
    isLocked()
    await isReleased
  })
  await locked
  return async () => {
    release()
    await over
  }
}

const outcome = (asked: PromiseLike<unknown>) =>
  Promise.resolve(asked).then(
    () => 'answered',
    (error: unknown) => databaseFault(error) ?? `${error}`,
  )

const readAccounts = (sql: Sql) => sql`select count(*) from credits.account`

describe('a table that somebody has locked', () => {
  test('of any number of requests each is refused in time, and nothing of ours still waits in the server', async () => {
    const release = await lock('credits.account')
    const startedAt = performance.now()
    const asked = Array.from({ length: 5_000 }, () => outcome(readAccounts(pools.requests)))
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['busy']))
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + SLACK_MS)
    await waitUntil(
      async () => {
        const waiting = await database.sql`
          select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        return waiting.length === 0
      },
      { withinMs: 5_000, what: 'every statement to be cancelled' },
    )
    await release()
    expect(await outcome(readAccounts(pools.requests))).toBe('answered')
  })

  test('a transaction of several statements is over at its deadline, and nothing of it is kept', async () => {
    const asked = outcome(
      pools.requests.begin(async (tx) => {
        await tx`insert into credits.account (address) values ('0x1111111111111111111111111111111111111111')`
        for (let step = 0; step < 20; step++) await tx`select pg_sleep(${(TIMEOUT_MS / 1_000) * 0.4})`
      }),
    )
    const startedAt = performance.now()
    expect(await asked).toBe('busy')
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + SLACK_MS / 2)
    expect(
      await database.sql`select 1 from credits.account where address = '0x1111111111111111111111111111111111111111'`,
    ).toHaveLength(0)
    expect(await outcome(readAccounts(pools.requests))).toBe('answered')
  })

  test('health and heartbeats have connections of their own', async () => {
    const release = await lock('credits.account')
    const asked = Array.from({ length: 200 }, () => outcome(readAccounts(pools.requests)))
    const startedAt = performance.now()
    expect(await pools.fault()).toBeNull()
    expect(await outcome(pools.health`select 1 from credits.chain_status`)).toBe('answered')
    expect(await outcome(pools.beats`select 1 from credits.session`)).toBe('answered')
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS)
    await release()
    await Promise.all(asked)
  })
})

describe('a connection that ends in a transaction', () => {
  test.each(['work', 'requests'] as const)(
    'fails it, and %s goes on with all its connections',
    async (name) => {
      const pool = pools[name]
      const cutIn = (within: 'transaction' | 'savepoint') =>
        outcome(
          pool.begin(async (tx) => {
            const [mine] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`
            const end = async () => {
              await database.sql`select pg_terminate_backend(${mine?.pid ?? 0})`
              // Whoever asks on after a failure, as code that catches errors may.
              await tx`select 1`.catch(() => {})
              await tx`select 2`
            }
            if (within === 'savepoint') await tx.savepoint(end)
            else await end()
          }),
        )
      for (let round = 0; round < 10; round++) {
        expect(await cutIn(round % 2 === 0 ? 'transaction' : 'savepoint')).toBe('away')
      }
      const size = planPools(20, 'all')[name]
      const again = await Promise.all(
        Array.from({ length: 3 * size }, () => outcome(pool`select pg_sleep(0.05)`)),
      )
      expect(again).toEqual(again.map(() => 'answered'))
    },
  )

  test('a process that stands still in one loses it, with its locks, within the idle timeout', async () => {
    const frozen = connect(database.url, {
      max: 1,
      timeouts: { statementMs: 5_000, lockMs: 5_000, idleInTransactionMs: 500 },
    })
    others.push(frozen)
    await database.sql`insert into credits.account (address) values ('0x2222222222222222222222222222222222222222')`
    const asked = outcome(
      frozen.begin(async (tx) => {
        await tx`update credits.account set balance_micros = 0 where address = '0x2222222222222222222222222222222222222222'`
        await new Promise((resolve) => setTimeout(resolve, 2_000))
        // It wakes.
        await tx`update credits.account set balance_micros = 0 where address = '0x2222222222222222222222222222222222222222'`
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(
      await outcome(
        pools.work`select 1 from credits.account where address = '0x2222222222222222222222222222222222222222' for update`,
      ),
    ).toBe('answered')
    expect(await asked).toBe('away')
    expect(await outcome(frozen`select 1`)).toBe('answered')
  })
})

describe('a server that is there and says nothing', () => {
  let proxy: TcpProxy
  let through: Sql

  beforeEach(async () => {
    proxy = await createTcpProxy(database.url)
    through = connect(proxy.through(database.url), {
      max: 3,
      timeouts: { statementMs: 500, lockMs: 500, idleInTransactionMs: 500 },
      bounds: { waiting: 10, deadlineMs: 700, cancel: () => {} },
    })
    others.push(through)
  })
  afterEach(() => proxy.stop())

  test('is answered for at the deadline, and given up: new connections replace the dead ones', async () => {
    await Promise.all([
      through`select pg_sleep(0.1)`,
      through`select pg_sleep(0.1)`,
      through`select pg_sleep(0.1)`,
    ])
    proxy.swallow()
    const startedAt = performance.now()
    expect(await outcome(through`select 1`)).toBe('busy')
    expect(performance.now() - startedAt).toBeLessThan(700 + SLACK_MS / 2)
    await waitUntil(async () => (await outcome(through`select 1`)) === 'answered', {
      withinMs: 15_000,
      what: 'a connection that works',
    })
  })

  test('resets and refusals are the database being away; it is back at once when it is', async () => {
    expect(await outcome(through`select 1`)).toBe('answered')
    proxy.cut()
    expect(await outcome(through`select 1`)).toBe('away')
    expect(await outcome(through.begin((tx) => tx`select 1`))).toBe('away')
    proxy.accept()
    await waitUntil(async () => (await outcome(through`select 1`)) === 'answered', {
      withinMs: 3_000,
      what: 'an answer',
    })
  })
})

test('of many hundred requests at once no more wait than the queue holds', async () => {
  const bounded = connect(database.url, {
    max: 1,
    bounds: { waiting: 5, deadlineMs: 60_000, cancel: () => {} },
  })
  others.push(bounded)
  const asked = await Promise.all(Array.from({ length: 300 }, () => outcome(bounded`select pg_sleep(0.02)`)))
  expect(asked.filter((one) => one === 'answered')).toHaveLength(6)
  expect(asked.filter((one) => one === 'busy')).toHaveLength(294)
})

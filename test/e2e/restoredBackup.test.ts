import postgres from 'postgres'
import { type Address, parseEther } from 'viem'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { connect, type Sql } from '../../billing/database/connect.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Case 47: the database is a backup again, while the chain has gone on. The backup is a copy of the database; restored is
// the schema `credits` only, as docs/operations.md says. The database is opened only while the service does not run: it
// cannot be copied otherwise.

/** Long enough for a heartbeat to come while the service starts, and shorter than what happens between. */
const TIMEOUT_SECONDS = 20
const HOUR = 3_600_000_000n
const bound = (what: string) => ({ withinMs: 60_000, what, everyMs: 200 })

let chain: TestChain
let database: TestDatabase
let settings: ServiceSettings
let service: Service | null = null

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    overrides: { HEARTBEAT_INTERVAL_SECONDS: '1', HEARTBEAT_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS) },
  })
})
afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await asAdmin((admin) => admin`drop database if exists ${admin(backupOf(database.url))} with (force)`)
  await chain?.stop()
})

const nameOf = (url: string) => new URL(url).pathname.slice(1)
const backupOf = (url: string) => `${nameOf(url)}_backup`

async function asAdmin(work: (admin: postgres.Sql) => Promise<unknown>): Promise<void> {
  const admin = postgres(inject('adminDatabaseUrl'), { max: 1, onnotice: () => {} })
  try {
    await work(admin)
  } finally {
    await admin.end({ timeout: 1 })
  }
}

async function withDatabase<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect(database.url, { max: 2, applicationName: 'test' })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** A copy can be made only of what nobody is connected to, and a server takes a moment to see who has gone. */
const copy = (from: string, to: string) =>
  asAdmin((admin) =>
    waitUntil(
      () =>
        admin`create database ${admin(to)} template ${admin(from)}`.then(
          () => true,
          (error: unknown) => {
            if (error instanceof postgres.PostgresError && error.code === '55006') return false
            throw error
          },
        ),
      bound(`${from} to be copied`),
    ),
  )

async function restore(): Promise<void> {
  const name = nameOf(database.url)
  await asAdmin((admin) => admin`drop database ${admin(name)} with (force)`)
  await copy(backupOf(database.url), name)
  await withDatabase(async (sql) => {
    const others = await sql<{ name: string }[]>`
      select nspname as name from pg_namespace
      where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'public', 'credits')`
    for (const { name: schema } of others) await sql`drop schema ${sql(schema)} cascade`
  })
}

async function whileItRuns(work: (running: Service) => Promise<void>, options = {}): Promise<void> {
  service = await startService(settings, options)
  await work(service)
  await service.stop()
  service = null
}

const post = (running: Service, path: string, json?: unknown) =>
  running.request(path, { method: 'POST', key: running.serviceKey, ...(json === undefined ? {} : { json }) })

/** Nobody listens yet. */
const nothing = { status: 0, body: null }

async function balanceOf(running: Service, account: Address): Promise<bigint> {
  const { body } = await running.request(`/v1/accounts/${account}/balance`, { key: running.serviceKey })
  return BigInt((body as { balanceMicros: string }).balanceMicros)
}

async function pay(from: Address): Promise<void> {
  await chain.mineWith(chain.transferEth({ from, value: parseEther('0.0005') }))
  await chain.mine(5)
}

const credited = (running: Service, account: Address, atLeast: bigint) =>
  waitUntil(
    async () => (await balanceOf(running, account)) >= atLeast,
    bound(`${account} to have ${atLeast} micros`),
  )

async function beatUntilBilled(running: Service, id: string): Promise<bigint> {
  return waitUntil(
    async () => {
      const { body } = await post(running, `/v1/sessions/${id}/heartbeat`)
      const total = BigInt((body as { totalBilledMicros: string }).totalBilledMicros)
      return total > 0n && total
    },
    bound(`${id} to be billed`),
  )
}

const entries = () =>
  withDatabase(async (sql) => {
    const rows = await sql<{ reference: string; micros: bigint }[]>`
      select reference, micros from credits.ledger_entry where kind = 'deposit' order by reference`
    return rows.map((row) => ({ ...row }))
  })

test('what was credited since the backup is credited again, once; what ran is billed on from there', async () => {
  const [alice, bob] = [chain.accounts.buyer, chain.accounts.other] as [Address, Address]
  let billedBefore = 0n
  await whileItRuns(async (running) => {
    await pay(alice)
    await credited(running, alice, HOUR)
    expect(
      await post(running, '/v1/sessions', { wallet: alice, profile: 'small', id: 'desk' }),
    ).toMatchObject({
      status: 201,
    })
    billedBefore = await beatUntilBilled(running, 'desk')
  })
  await copy(nameOf(database.url), backupOf(database.url))

  await whileItRuns(async (running) => {
    await pay(alice)
    await pay(bob)
    await credited(running, alice, 2n * HOUR - 120_000_000n)
    await credited(running, bob, HOUR)
    await post(running, '/v1/sessions', { wallet: bob, profile: 'small', id: 'lost' })
    await beatUntilBilled(running, 'lost')
  })
  const before = await entries()
  expect(before).toHaveLength(3)
  await restore()
  expect(await entries()).toHaveLength(1)

  await whileItRuns(
    async (running) => {
      // The time that the backup knows nothing of is billed up to the timeout.
      const first = await waitUntil(async () => {
        const { status, body } = await post(running, '/v1/sessions/desk/heartbeat').catch(() => nothing)
        return status === 200 && (body as { state: string; totalBilledMicros: string })
      }, bound('a first heartbeat'))
      expect(first.state).toBe('running')
      const billed = BigInt(first.totalBilledMicros) - billedBefore
      expect(billed).toBeLessThanOrEqual(BigInt(TIMEOUT_SECONDS) * 1_000_000n)
      expect(await post(running, '/v1/sessions/lost/heartbeat')).toMatchObject({ status: 404 })
      await credited(running, bob, HOUR)
      await credited(running, alice, 2n * HOUR - 120_000_000n)
      expect(await balanceOf(running, bob)).toBe(HOUR)
    },
    { readyWithinMs: null },
  )
  expect(await entries()).toEqual(before)
  const differences: unknown[] = []
  await withDatabase((sql) =>
    verifyBooks(sql, (step) => {
      if (step.kind === 'difference') differences.push(step.difference)
    }),
  )
  expect(differences).toEqual([])
}, 400_000)

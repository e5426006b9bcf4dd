import { afterAll, beforeAll, expect, test } from 'vitest'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'

// Somebody locks a table from psql and goes to lunch.

let chain: TestChain
let database: TestDatabase
let service: Service

const WALLET = `0x${'ab'.repeat(20)}`
/** Under load an answer takes longer than the timeouts add up to. */
const WITHIN_MS = 15_000

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  service = await startService(
    await baseSettings({
      chains: [chain],
      databaseUrl: database.url,
      overrides: { DATABASE_TIMEOUT_MS: '1000' },
    }),
  )
})
afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await chain?.stop()
})

async function whileLocked(table: string, work: () => Promise<void>): Promise<void> {
  await database.sql.begin(async (tx) => {
    await tx.unsafe(`lock table ${table}`)
    await work()
  })
}

const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
  const startedAt = performance.now()
  return [await work(), performance.now() - startedAt]
}

const get = (path: string) => service.request(path, { key: service.serviceKey })

test('LOCK TABLE credits.account: 300 requests are 503 with Retry-After in time; health and metrics answer; then all is well', async () => {
  await whileLocked('credits.account', async () => {
    const asked = timed(() =>
      Promise.all(Array.from({ length: 300 }, () => get(`/v1/accounts/${WALLET}/balance`))),
    )
    for (const path of ['/health/live', '/health/ready', '/metrics', '/v1/config']) {
      const [{ status }, tookMs] = await timed(() => service.request(path))
      expect([path, status]).toEqual([path, 200])
      expect(tookMs).toBeLessThan(5_000)
    }
    const [answers, tookMs] = await asked
    expect(tookMs).toBeLessThan(WITHIN_MS)
    for (const { status, body, headers } of answers) {
      expect(status).toBe(503)
      expect(body).toMatchObject({ code: 'database_unavailable' })
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    }
  })
  expect((await get(`/v1/accounts/${WALLET}/balance`)).status).toBe(200)
})

test('reads that all hang at a locked table starve no heartbeat', async () => {
  await database.sql`insert into credits.account (address) values (${WALLET})`
  const adjusted = await service.request('/v1/admin/adjustments', {
    key: service.adminKey,
    headers: { 'Idempotency-Key': 'locked' },
    json: { wallet: WALLET, minutes: '60', reason: 'test' },
  })
  expect(adjusted.status).toBe(200)
  const started = await service.request('/v1/sessions', {
    key: service.serviceKey,
    json: { wallet: WALLET, profile: 'small', id: 'locked' },
  })
  expect(started.status).toBe(201)
  await whileLocked('credits.deposit', async () => {
    const reads = Array.from({ length: 300 }, () => get(`/v1/accounts/${WALLET}/deposits`))
    for (let beat = 0; beat < 10; beat++) {
      const [{ status }, tookMs] = await timed(() =>
        service.request('/v1/sessions/locked/heartbeat', { method: 'POST', key: service.serviceKey }),
      )
      expect(status).toBe(200)
      expect(tookMs).toBeLessThan(5_000)
    }
    expect(new Set((await Promise.all(reads)).map(({ status }) => status))).toEqual(new Set([503]))
  })
})

test('a process has no more connections than DATABASE_POOL_SIZE, the listening and the leading one among them', async () => {
  await Promise.all(Array.from({ length: 200 }, () => get(`/v1/accounts/${WALLET}/balance`)))
  const rows = await database.sql<{ name: string; connections: number }[]>`
    select application_name as name, count(*)::int as connections from pg_stat_activity
    where datname = current_database() and application_name like 'billing%' group by 1 order by 1`
  const total = rows.reduce((sum, { connections }) => sum + connections, 0)
  expect(total, JSON.stringify(rows)).toBeLessThanOrEqual(20)
  expect(rows.map(({ name }) => name)).toEqual([
    'billing',
    'billing health',
    'billing heartbeats',
    'billing leader',
    'billing requests',
  ])
})

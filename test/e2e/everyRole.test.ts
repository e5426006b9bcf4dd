import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Goal: whatever a process does, it says how it is; and people notice nothing when processes are exchanged. Method: an indexer, a
// worker and two API processes over one database, as on four machines.

let chain: TestChain
let database: TestDatabase
let worker: Service
let indexer: Service
const apis: Service[] = []
const keys = { SERVICE_API_KEY: `service-${randomUUID()}`, ADMIN_API_KEY: `admin-${randomUUID()}` }

async function start(role: string, overrides: Record<string, string> = {}): Promise<Service> {
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    overrides: { ...keys, ...overrides },
  })
  return startService(settings, { args: ['--role', role], readyWithinMs: null })
}

const is = (service: Service, path: string, status: number) =>
  waitUntil(async () => (await service.request(path)).status === status, {
    withinMs: 60_000,
    what: `${path} to be ${status}`,
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${service.logs().slice(-3_000)}`)
  })

const metrics = async (service: Service) => String((await service.request('/metrics')).body)

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  worker = await start('worker')
  indexer = await start('indexer')
  apis.push(await start('api', { DRAIN_SECONDS: '3' }), await start('api', { DRAIN_SECONDS: '3' }))
  for (const service of [worker, indexer, ...apis]) await is(service, '/health/ready', 200)
})

afterAll(async () => {
  await Promise.all([worker, indexer, ...apis].map((service) => service?.stop()))
  await database?.drop()
  await chain?.stop()
})

test('every role serves health and metrics, and facts about money are the same on each', async () => {
  await database.sql`
    insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, reason, amount_base_units, block_number,
      block_hash, block_timestamp)
    values ('held', ${chain.chainId}, '0x1', ${`eth:${chain.chainId}`}, 'a', 'held', 'amount_unclear', 1, 1, '0x1', now())`
  const held = `axonos_deposits_held{chain="${chain.chainId}",reason="amount_unclear"} 1`
  for (const service of [worker, indexer, ...apis]) {
    for (const path of ['/health/live', '/health/ready', '/health/serving']) await is(service, path, 200)
    await waitUntil(async () => (await metrics(service)).includes(held), { withinMs: 20_000, what: held })
    expect(await metrics(service)).toMatch(/^axonos_build_info\{version="[^"]+",node="v\d+/m)
  }
  const leaders = await Promise.all([worker, indexer, ...apis].map(metrics))
  expect(leaders.map((text) => /^axonos_leader (\d)$/m.exec(text)?.[1])).toEqual(['1', '0', '0', '0'])
})

test('the indexer is reached through the same port, and its metrics stand below ours', async () => {
  const json = { query: '{ transfers(limit: 1) { items { id } } }' }
  expect(await indexer.request('/graphql', { json })).toMatchObject({ status: 200, body: { data: {} } })
  expect(await metrics(indexer)).toMatch(/^ponder_/m)
  expect((await worker.request('/v1/config')).status).toBe(404)
})

test('an indexer that was killed is ready again only when it follows the chain, and its restart is counted', async () => {
  const before = indexer.pids().indexer
  indexer.kill('indexer', 'SIGKILL')
  await is(worker, '/health/ready', 503)
  const [checks] = await waitUntil(
    async () => {
      const { status } = await worker.request('/health/ready')
      if (status !== 200) return null
      return database.sql<{ isReady: boolean }[]>`
        select (value->>'is_ready')::int = 1 as "isReady" from indexer._ponder_meta where key = 'app'`
    },
    { withinMs: 90_000, what: 'ready again' },
  )
  expect(checks?.isReady).toBe(true)
  expect(indexer.pids().indexer).not.toBe(before)
  expect(await metrics(indexer)).toContain('axonos_process_restarts_total{process="indexer"} 1')
})

test('while the chain halts an API process stays in, and is not ready', async () => {
  await database.sql`update credits.chain_status set head_changed_at = now() - interval '31 minutes'`
  for (const api of apis) {
    expect((await api.request('/health/serving')).status).toBe(200)
    expect((await api.request('/health/ready')).status).toBe(503)
  }
  await database.sql`update credits.chain_status set head_changed_at = now()`
})

test('no heartbeat is lost or fails while two API processes are exchanged one after the other', async () => {
  const [first, second] = apis
  if (first === undefined || second === undefined) throw new Error('two API processes were started')
  const wallet = `0x${'ab'.repeat(20)}`
  const json = { wallet, minutes: '60', reason: 'for heartbeats' }
  const headers = { 'idempotency-key': randomUUID() }
  await first.request('/v1/admin/adjustments', { key: keys.ADMIN_API_KEY, headers, json })
  const session = { wallet, profile: 'small', id: 'rolling' }
  expect((await first.request('/v1/sessions', { key: keys.SERVICE_API_KEY, json: session })).status).toBe(201)

  // What a load balancer does: asks each process every half second, and sends to those that said yes.
  const members = new Set<Service>([first, second])
  const serving = new Set<Service>(members)
  let over = false
  const balancing = (async () => {
    while (!over) {
      for (const member of members) {
        const status = await member.request('/health/serving').then(
          (answer) => answer.status,
          () => 0,
        )
        if (status === 200) serving.add(member)
        else serving.delete(member)
      }
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })()
  const statuses = new Map<string, number>()
  const beating = Array.from({ length: 4 }, async (_, lane) => {
    for (let turn = lane; !over; turn += 1) {
      const targets = [...serving]
      const target = targets[turn % targets.length]
      const status =
        target === undefined
          ? 'nobody serves'
          : await target
              .request('/v1/sessions/rolling/heartbeat', { key: keys.SERVICE_API_KEY, method: 'POST' })
              .then(
                (answer) => String(answer.status),
                (error: Error) => `${error.message}: ${String(error.cause)}`,
              )
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })

  for (const [index, old] of [first, second].entries()) {
    const next = await start('api', { DRAIN_SECONDS: '3' })
    apis[index] = next
    members.add(next)
    await waitUntil(() => serving.has(next), { withinMs: 60_000, what: 'the new process to serve' })
    await old.stop()
    members.delete(old)
    serving.delete(old)
  }
  over = true
  await Promise.all([balancing, ...beating])
  expect([...statuses.keys()]).toEqual(['200'])
  expect(statuses.get('200')).toBeGreaterThan(50)
  expect(await metrics(apis[0] as Service)).toMatch(/^axonos_heartbeats_total\{outcome="metered"\} [1-9]/m)
})

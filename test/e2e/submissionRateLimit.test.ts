import { randomBytes } from 'node:crypto'
import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Two APIs without gate or indexer, each with an RPC proxy to itself: what the proxies count is what requests cost. The
// rate limit is the default one, 60 a minute and client. The second believes one proxy about who its client is.

let chain: TestChain
let database: TestDatabase
let directProxy: RpcProxy
let behindProxy: RpcProxy
let direct: Service
let behind: Service

const PER_CLIENT = 60
/** Of unknown hashes, all clients together: five clients' worth. */
const ALL_CLIENTS = 300

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  ;[directProxy, behindProxy] = await Promise.all([
    createRpcProxy(chain.rpcUrl),
    createRpcProxy(chain.rpcUrl),
  ])
  ;[direct, behind] = await Promise.all([startApi(directProxy, '0'), startApi(behindProxy, '1')])
})

async function startApi(proxy: RpcProxy, trustProxy: string): Promise<Service> {
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    rpcUrls: { [chain.chainId]: proxy.url },
    overrides: { RATE_LIMIT_PER_MINUTE: '', TRUST_PROXY: trustProxy },
  })
  const api = await startService(settings, { args: ['--role', 'api'], readyWithinMs: null })
  await waitUntil(async () => (await api.request('/health/live')).status === 200, {
    withinMs: 60_000,
    what: 'the API to serve',
  })
  return api
}

afterAll(async () => {
  await Promise.all([direct?.stop(), behind?.stop()])
  await Promise.all([directProxy?.stop(), behindProxy?.stop()])
  await database?.drop()
  await chain?.stop()
})

const randomHash = () => `0x${randomBytes(32).toString('hex')}` as Hash

interface Tally {
  /** How often each status was answered. */
  statuses: Record<number, number>
  retryAfter: (string | null)[]
  /** 1 unless this machine took longer than a minute, after which a budget is rightly whole again. */
  minutesBegun: number
}

/** Sends that many requests, 50 at a time, and counts what came back. */
async function flood(count: number, send: (index: number) => ReturnType<Service['request']>): Promise<Tally> {
  const tally: Tally = { statuses: {}, retryAfter: [], minutesBegun: 1 }
  const startedAt = performance.now()
  for (let from = 0; from < count; from += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => send(from + index)))
    for (const { status, headers, body } of answers) {
      tally.statuses[status] = (tally.statuses[status] ?? 0) + 1
      if (status !== 429) continue
      expect(body).toMatchObject({ status: 429, code: 'rate_limited' })
      tally.retryAfter.push(headers.get('retry-after'))
    }
  }
  tally.minutesBegun = 1 + Math.floor((performance.now() - startedAt) / 60_000)
  return tally
}

/** All were answered, `perMinute` of them by looking, the others by 429; and looking cost at most 4 calls each. */
function expectKept({ statuses, retryAfter, minutesBegun }: Tally, perMinute: number, proxy: RpcProxy): void {
  const lookedUp = statuses[404] ?? 0
  expect(statuses).toEqual({ 404: lookedUp, 429: 1000 - lookedUp })
  expect(lookedUp).toBeGreaterThanOrEqual(perMinute)
  expect(lookedUp).toBeLessThanOrEqual(perMinute * minutesBegun)
  expect(proxy.calls.get('eth_getTransactionReceipt')).toBe(lookedUp)
  expect(proxy.totalCalls()).toBeLessThanOrEqual(4 * lookedUp)
  for (const seconds of retryAfter) expect(seconds).toMatch(/^([1-9]|[1-5][0-9]|60)$/)
}

test('a thousand random hashes from one client: 60 are looked up, 940 are 429 with Retry-After and cost no RPC call', async () => {
  directProxy.resetCalls()
  // A made-up X-Forwarded-For buys nothing where no proxy is believed.
  const tally = await flood(1000, (index) =>
    direct.request('/v1/deposits', {
      json: { txHash: randomHash() },
      headers: { 'X-Forwarded-For': `10.0.${index % 256}.${index >> 8}` },
    }),
  )
  expectKept(tally, PER_CLIENT, directProxy)
})

test('the other routes that cost RPC calls share that budget; those that cost none still answer', async () => {
  // Enough of the minute must be left for what follows to fall into it.
  await waitUntil(
    async () => {
      const { status, headers } = await direct.request('/v1/deposits', { json: { txHash: randomHash() } })
      return status === 429 && Number(headers.get('retry-after')) > 10
    },
    { withinMs: 40_000, what: 'a budget that is spent for a while' },
  )
  directProxy.resetCalls()
  expect((await direct.request(`/v1/transactions/${randomHash()}`)).status).toBe(429)
  expect((await direct.request(`/v1/quotes?rail=eth:${chain.chainId}`)).status).toBe(429)
  expect((await direct.request('/v1/deposits', { json: { txHash: '0x' } })).status).toBe(422)
  expect((await direct.request('/v1/config')).status).toBe(200)
  const payer = chain.accounts.buyer
  const balance = await direct.request(`/v1/accounts/${payer}/balance`, { key: direct.serviceKey })
  expect(balance).toMatchObject({ status: 200, body: { balanceMicros: '0' } })
  expect(directProxy.totalCalls()).toBe(0)
})

test('a thousand random hashes from a thousand addresses: five clients’ worth are looked up, and a payment found before is still served', async () => {
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
  )
  const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } })
  const mine = { json: { txHash: hashes[0] } }
  expect((await behind.request('/v1/deposits', { ...mine, ...from('192.0.2.1') })).status).toBe(202)

  behindProxy.resetCalls()
  const tally = await flood(1000, (index) =>
    behind.request('/v1/deposits', {
      json: { txHash: randomHash() },
      ...from(`10.1.${index % 256}.${index >> 8}`),
    }),
  )
  expectKept(tally, ALL_CLIENTS, behindProxy)

  await chain.mine(5)
  const served = await behind.request('/v1/deposits', { ...mine, ...from('192.0.2.1') })
  expect(served).toMatchObject({ status: 200, body: { deposits: [{ creditMinutes: '60' }] } })
})

test('hashes that do not exist leave nothing behind, and the books are clean', async () => {
  expect(await database.sql`select 1 from credits.submitted_transaction`).toEqual([])
  expect(await database.sql`select 1 from credits.deposit`).toHaveLength(1)
  expect((await verifyBooks(database.sql)).differences).toBe(0)
})

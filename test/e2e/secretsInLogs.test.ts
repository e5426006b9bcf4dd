import { randomBytes } from 'node:crypto'
import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Everything that errors are made of, at the most talkative log level that is of use: RPCs whose URL is full of secrets
// and that fail in every way, a database that hangs up, a killed process, requests that carry keys.

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let service: Service
let settings: ServiceSettings
let secrets: Record<string, string>

const bound = (what: string) => ({ withinMs: 30_000, what })
const fresh = (name: string) => `${name}${randomBytes(12).toString('hex')}`

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  proxy = await createRpcProxy(chain.rpcUrl)
  const [user, password, pathKey, queryKey] = [fresh('user'), fresh('pw'), fresh('path'), fresh('query')]
  const at = new URL(proxy.url)
  // %40 is an @ within the password: what cuts URLs at the first @ lets half of it through.
  const rpcUrl = `http://${user}:before%40${password}@${at.host}/v2/${pathKey}?apikey=${queryKey}&x=1`
  const [webhookSecret, webhookPath] = [fresh('webhook'), fresh('hook')]
  settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    rpcUrls: { [chain.chainId]: rpcUrl },
    overrides: {
      LOG_LEVEL: 'debug',
      WEBHOOK_URL: `https://hooks.example.test/${webhookPath}`,
      WEBHOOK_SECRET: webhookSecret,
    },
  })
  secrets = {
    'RPC user': user,
    'RPC password': password,
    'RPC path key': pathKey,
    'RPC query key': queryKey,
    'RPC basic authorization': Buffer.from(`${user}:before@${password}`).toString('base64'),
    'database password': new URL(database.url).password,
    'service key': settings.SERVICE_API_KEY ?? '',
    'admin key': settings.ADMIN_API_KEY ?? '',
    'webhook secret': webhookSecret,
    'webhook path': webhookPath,
  }
  service = await startService(settings)
})

afterAll(async () => {
  await service?.stop()
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
})

function leaksIn(text: string): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    if (secret === '') throw new Error(`${name} is empty, so nothing would be found`)
    const at = text.indexOf(secret)
    return at < 0 ? [] : [`${name}: …${text.slice(Math.max(0, at - 200), at + secret.length + 50)}…`]
  })
}

async function problem(): Promise<string | null> {
  const [row] = await database.sql<{ problem: string | null }[]>`select problem from credits.chain_status`
  return row?.problem ?? null
}

async function credited(hash: Hash): Promise<void> {
  await waitUntil(
    async () => {
      const [row] = await database.sql<{ state: string }[]>`
      select state from credits.deposit where tx_hash = ${hash}`
      return row?.state === 'credited'
    },
    bound(`the credit of ${hash}`),
  )
}

async function pay(): Promise<Hash> {
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
  )
  await chain.mine(5)
  return hashes[0] as Hash
}

test('RPC URLs with user, password, path key and query key work, and show only their host', async () => {
  await credited(await pay())
  expect(leaksIn(service.logs())).toEqual([])
})

/** What a provider answers that thinks our key is wrong: some repeat it, or the whole URL. */
const echo = () => ({
  code: -32_000,
  message: `invalid key ${secrets['RPC query key']} for ${settings[`RPC_URL_${chain.chainId}`]} path ${secrets['RPC path key']}`,
})

const faults: Record<string, () => unknown> = {
  'answers 429': () => proxy.respond429(),
  'answers HTML': () => proxy.htmlWith200(),
  'answers half its JSON': () => proxy.truncateJson(),
  'answers with another id': () => proxy.wrongId(),
  'repeats our key in its error': () => proxy.failWith('*', echo()),
  'answers for another chain': () => proxy.wrongChainId(5),
  'refuses connections': () => proxy.refuseConnections(),
}

for (const [name, begin] of Object.entries(faults)) {
  test(`an RPC that ${name}: the payment is credited afterwards, and neither log, health nor metrics hold a secret`, async () => {
    await begin()
    const hash = await pay()
    await waitUntil(problem, bound('the problem to be written down'))
    const answers = await Promise.all([
      service.request('/health/ready'),
      service.request('/metrics'),
      service.request(`/v1/transactions/0x${'12'.repeat(32)}`),
      service.request('/v1/deposits', { json: { txHash: hash } }),
      service.request(`/v1/quotes?rail=eth:${chain.chainId}&wallet=${chain.accounts.buyer}`),
    ])
    await proxy.heal()
    await credited(hash)
    for (const { body } of answers) expect(leaksIn(JSON.stringify(body))).toEqual([])
    expect(leaksIn(service.logs())).toEqual([])
  })
}

test('a database that hangs up, a killed billing process, and requests full of keys leave no secret in the log', async () => {
  await database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
  await credited(await pay())
  service.kill('billing', 'SIGKILL')
  service.kill('indexer', 'SIGKILL')
  await waitUntil(async () => (await service.request('/health/live')).status === 200, bound('billing'))
  const { serviceKey, adminKey } = service
  const wallet = chain.accounts.buyer
  await Promise.all([
    service.request(`/v1/accounts/${wallet}/balance?key=${serviceKey}`, { key: adminKey }),
    service.request(`/v1/accounts/${serviceKey}/ledger`, { key: serviceKey }),
    service.request(`/v1/${adminKey}`),
    service.request(`/v1/transactions/${adminKey}`),
    service.request('/v1/admin/adjustments', { json: { [adminKey]: serviceKey }, key: adminKey }),
    service.request('/v1/admin/adjustments', {
      json: { wallet, minutes: '1', reason: 'a reason' },
      key: adminKey,
      headers: { 'Idempotency-Key': 'once' },
    }),
    service.request('/graphql', { json: { query: `{ ${adminKey.replaceAll('-', '_')} }` }, key: adminKey }),
  ])
  await credited(await pay())
  expect(leaksIn(service.logs())).toEqual([])
})

test('the log says what happened, and what is in the database for others to see holds no secret either', async () => {
  expect(service.logs()).toContain('RPC problem')
  expect(service.logs()).toContain('"level":20')
  const events = await database.sql`select payload from credits.outbox_event`
  const status = await database.sql`select problem from credits.chain_status`
  expect(leaksIn(JSON.stringify([events, status]))).toEqual([])
  expect((await verifyBooks(database.sql)).differences).toBe(0)
})

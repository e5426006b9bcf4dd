import type { IncomingMessage } from 'node:http'
import { type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Api } from '../../billing/api/appDeps.ts'
import { createApp } from '../../billing/api/createApp.ts'
import { createDesk } from '../../billing/desk/createDesk.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'
import { config, fakeDeps, serviceKey } from '../unit/api/fakeDeps.ts'

// What asking about a hash costs the RPCs, on a real chain and database, counted by a proxy.

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let usdc: TestToken
let gate: GateScene
let app: Api

beforeAll(async () => {
  chain = await createChain()
  database = await createTestDatabase()
  proxy = await createRpcProxy(chain.rpcUrl)
  usdc = await chain.deployToken('USDC', 6)
  gate = await startGateScene({ chain, database, rpcUrls: proxy.url, tokens: { usdc } })
  await gate.pass()
})
afterAll(async () => {
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
})
beforeEach(() => {
  const deps = fakeDeps()
  const chains = config.chains.map((one) => ({ ...one, chainId: chain.chainId }))
  app = createApp({
    ...deps,
    config: { ...config, chains, rateLimitPerMinute: 10 },
    desk: createDesk(gate.deps),
  })
  proxy.resetCalls()
})

const from = (address: string) => ({ incoming: { socket: { remoteAddress: address } } as IncomingMessage })
let addresses = 0
/** Each time from an address of its own, unless told. */
const look = (txHash: Hash, headers = {}, address = `10.0.${addresses >> 8}.${addresses++ & 255}`) =>
  app.request(`/v1/transactions/${txHash}`, { headers }, from(address))
const submit = (txHash: Hash, address = `10.0.${addresses >> 8}.${addresses++ & 255}`) =>
  app.request(
    '/v1/deposits',
    {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ txHash }),
    },
    from(address),
  )
const randomHash = () =>
  `0x${Array.from({ length: 64 }, () => Math.floor(Math.random() * 16).toString(16)).join('')}` as Hash

/** Anonymous callers at many addresses ask for hashes that do not exist until they are told to wait. */
async function useUp(): Promise<void> {
  for (let count = 0; count < 200; count++) {
    const { status } = await look(randomHash())
    if (status === 429) return
    expect(status).toBe(404)
  }
  throw new Error('nobody was told to wait')
}

async function elsewhere(): Promise<Hash> {
  const to = chain.accounts.other
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, to, value: parseEther('0.001') }),
  )
  return hashes[0]
}

test('what is mined and pays nothing is asked of the RPCs once, by whichever route, until its block is final, and once then', async () => {
  const hash = await elsewhere()
  expect(await (await look(hash)).json()).toMatchObject({ outcome: 'no_qualifying_transfer' })
  expect(proxy.totalCalls()).toBeGreaterThan(0)
  proxy.resetCalls()
  for (let times = 0; times < 5; times++) {
    expect((await look(hash)).status).toBe(200)
    expect((await submit(hash)).status).toBe(422)
  }
  expect(proxy.totalCalls()).toBe(0)
  // The gate searches for what was submitted by itself.
  expect(await database.sql`select from credits.submitted_transaction where tx_hash = ${hash}`).toHaveLength(
    1,
  )

  await chain.mine(300)
  await gate.pass()
  proxy.resetCalls()
  expect((await look(hash)).status).toBe(200)
  expect(proxy.totalCalls()).toBeGreaterThan(0)
  proxy.resetCalls()
  for (let times = 0; times < 5; times++) expect((await look(hash)).status).toBe(200)
  expect(proxy.totalCalls()).toBe(0)
})

test('a deposit answers by its hash, credited or pending, whatever strangers have used up, and at no cost', async () => {
  const buyer = chain.accounts.buyer
  const amount = parseUnits('1', 6)
  await chain.mineWith(chain.mintToken(usdc, buyer, 2n * amount))
  const pay = () => chain.mineWith(chain.transferToken({ token: usdc, from: buyer, amount }))
  const credited = (await pay()).hashes[0]
  await chain.mine(5)
  expect((await submit(credited)).status).toBe(200)
  const pending = (await pay()).hashes[0]
  expect((await submit(pending)).status).toBe(202)

  await useUp()
  proxy.resetCalls()
  const strangers = '10.9.9.9'
  for (let times = 0; times < 30; times++) {
    expect(await (await look(credited, {}, strangers)).json()).toMatchObject({ outcome: 'settled' })
    expect((await look(pending, {}, strangers)).status).toBe(200)
    expect((await submit(credited, strangers)).status).toBe(200)
  }
  expect(proxy.totalCalls()).toBe(0)
  // Whoever hands in what is pending, however often, is told what is known of it.
  for (let times = 0; times < 30; times++) expect((await submit(pending, strangers)).status).toBe(202)
})

test('a hash that nobody knows is 429 then for strangers, and not for the service', async () => {
  await useUp()
  expect((await look(randomHash())).status).toBe(429)
  expect((await look(randomHash(), { Authorization: `Bearer ${serviceKey}` })).status).toBe(404)
})

test('the gate is not held up by it: its passes ask what they always ask', async () => {
  await useUp()
  await chain.mine(1)
  proxy.resetCalls()
  expect(await gate.pass()).toBe(true)
  expect(proxy.totalCalls()).toBeGreaterThan(0)
})

test('what lookups cost is counted by the requests sent: those that cost more are fewer', async () => {
  // Mined elsewhere, each costs evidence and traces beside what an unknown hash costs.
  const hashes: Hash[] = []
  for (let count = 0; count < 60; count++) hashes.push(await elsewhere())
  proxy.resetCalls()
  const statuses = []
  for (const hash of hashes) statuses.push((await look(hash)).status)
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0)
  // 5 clients' worth of 10 lookups, of 4 requests to one RPC each, and the last may cost what it costs.
  expect(proxy.totalCalls()).toBeLessThanOrEqual(5 * 10 * 4 + 20)
})

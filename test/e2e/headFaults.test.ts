import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RpcProxy } from '../support/createRpcProxy.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitForPass } from '../support/waitForPass.ts'
import { waitUntil } from '../support/waitUntil.ts'

const WITHIN_MS = 40_000

// Cases 20 to 22: a head that swings, a chain that stops, an RPC that is suddenly another chain's.

let scene: Scene
let proxy: RpcProxy

beforeAll(async () => {
  // Slower than elsewhere: Ponder queues up every head it polls, and here each one is news to it.
  scene = await startScene({ proxies: 1, overrides: { POLL_INTERVAL_MS: '400' } })
  proxy = scene.proxies[0] as RpcProxy
  await scene.chain.mine(25)
})
afterEach(() => proxy?.heal())
afterAll(async () => {
  const differences = await scene?.differences()
  await scene?.stop()
  expect(differences).toEqual([])
})

const ETHER = parseEther('0.0005')
const payEther = (from: Address) => scene.chain.transferEth({ from, value: ETHER })

interface Check {
  status: string
  detail: string
}

async function ready() {
  const { status, body } = await scene.service.request('/health/ready')
  const { checks } = body as { checks: Record<'rpc' | 'indexer' | 'gate', Record<string, Check>> }
  const of = (group: 'rpc' | 'indexer' | 'gate') => checks[group][String(scene.chain.chainId)]
  return { status, rpc: of('rpc'), gate: of('gate') }
}

async function problem(): Promise<string | null> {
  const [row] = await scene.database.sql<{ problem: string | null }[]>`
    select problem from credits.chain_status where chain_id = ${scene.chain.chainId}`
  return row?.problem ?? null
}

/** How often billing alone (the indexer asks through the same proxy) was told the chain id. */
async function chainIdsAsked(): Promise<number> {
  const { body } = await scene.service.request('/metrics')
  const counted = String(body).matchAll(
    /rpc_requests_total\{(?=[^}]*method="eth_chainId")(?=[^}]*outcome="ok")[^}]*\} (\d+)/g,
  )
  return [...counted].reduce((sum, [, count]) => sum + Number(count), 0)
}

const statesBackFromCredited = ['deposit.reversed', 'deposit.orphaned']

test('a head that swings by 20 blocks moves nothing back from credited and tells nothing twice', async () => {
  const { chain, usdc } = scene
  const [credited, waiting, small] = [await scene.newPayer(), await scene.newPayer(), await scene.newPayer()]
  const dust = chain.transferToken({ token: usdc, from: small, amount: parseUnits('0.3', 6) })
  const [done, dusty] = (await chain.mineWith(payEther(credited), dust)).hashes as [Hash, Hash]
  await chain.mine(6)
  const [open] = (await chain.mineWith(payEther(waiting))).hashes as [Hash]
  await chain.mine(2)
  await scene.deposit(done, 'credited')
  await scene.deposit(dusty, 'held', 'below_minimum')
  await scene.deposit(open, 'pending')
  const books = () => Promise.all([credited, waiting, small].map((payer) => scene.booksOf(payer)))
  const before = await books()
  const top = await chain.head()

  for (let swing = 0; swing < 3; swing++) {
    proxy.lagBlocks(20)
    await waitForPass(scene, { number: top.number - 20n })
    const { body } = await scene.service.request(`/v1/transactions/${done}`)
    expect(body).toMatchObject({ outcome: 'settled', deposits: [{ state: 'credited', confirmations: 0 }] })
    expect(await books()).toEqual(before)
    await proxy.heal()
    await waitForPass(scene, top)
    expect(await books()).toEqual(before)
  }

  await chain.mine(3)
  await scene.deposit(open, 'credited')
  const [after, opened, dustyAfter] = await books()
  expect([after, dustyAfter]).toEqual([before[0], before[2]])
  expect(opened?.events).toEqual(['deposit.pending', 'deposit.credited'])
})

test('a chain that has stopped for half an hour: ready says so, balances answer, and it passes with the next block', async () => {
  const { chain, database, service } = scene
  const payer = await scene.newPayer()
  const [hash] = (await chain.mineWith(payEther(payer))).hashes as [Hash]
  await chain.mine(5)
  await scene.deposit(hash, 'credited')
  await waitForPass(scene)
  expect((await ready()).rpc?.status).toBe('ok')
  await database.sql`
    update credits.chain_status set head_changed_at = now() - interval '31 minutes',
      head_timestamp = now() - interval '31 minutes'`
  // The gate goes on looking at the same head, which must not pass for news.
  await waitForPass(scene)
  const stopped = await ready()
  expect(stopped.status).toBe(503)
  const { number } = await chain.head()
  expect(stopped.rpc).toEqual({
    status: 'failing',
    detail: `no new block for 31 minutes, at block ${number}`,
  })
  expect(stopped.gate?.status).toBe('ok')
  const key = service.serviceKey
  const balance = await service.request(`/v1/accounts/${payer}/balance`, { key })
  expect([balance.status, balance.body]).toMatchObject([200, { balanceMicros: '3600000000' }])
  expect((await service.request(`/v1/accounts/${payer}/deposits`, { key })).status).toBe(200)
  expect((await service.request(`/v1/transactions/${hash}`)).status).toBe(200)
  expect((await service.request('/v1/config')).status).toBe(200)
  expect((await service.request('/health/live')).status).toBe(200)

  await chain.mine(1)
  await waitUntil(async () => (await ready()).status === 200, { withinMs: WITHIN_MS, what: 'ready again' })
})

test('an RPC that is suddenly of another chain: nothing is credited, it is told, and it recovers by itself', async () => {
  const { chain, service } = scene
  const [payer, late] = [await scene.newPayer(), await scene.newPayer()]
  const [hash] = (await chain.mineWith(payEther(payer))).hashes as [Hash]
  await chain.mine(4)
  await scene.deposit(hash, 'pending')
  await waitForPass(scene)

  proxy.wrongChainId(5)
  const [unseen] = (await chain.mineWith(payEther(late))).hashes as [Hash]
  await chain.mine(10)
  const submitted = await service.request('/v1/deposits', { json: { txHash: unseen } })
  expect([202, 503]).toContain(submitted.status)
  await waitUntil(async () => (await problem())?.includes('answers for chain 5'), {
    withinMs: WITHIN_MS,
    what: 'the problem to be written down',
  })
  // Sixteen confirmations later, and looked at again since.
  const asked = await chainIdsAsked()
  await waitUntil(async () => (await chainIdsAsked()) >= asked + 2, {
    withinMs: WITHIN_MS,
    what: 'the gate to look again',
  })
  expect(await scene.booksOf(payer)).toMatchObject({
    deposits: [{ state: 'pending' }],
    entries: [],
    events: ['deposit.pending'],
    balanceMicros: '0',
  })
  expect((await scene.booksOf(late)).entries).toEqual([])
  const { status, gate } = await ready()
  expect(status).toBe(503)
  expect(gate?.status).toBe('failing')
  expect(gate?.detail).toContain('answers for chain 5')
  const lines = (text: string) =>
    service
      .logs()
      .split('\n')
      .filter((line) => line.includes(text))
  expect(lines('"RPC problem"').filter((line) => line.includes('answers for chain 5'))).toHaveLength(1)

  await proxy.heal()
  await scene.creditedAsBlocksCome(hash)
  await scene.creditedAsBlocksCome(unseen)
  await waitUntil(async () => (await ready()).status === 200, { withinMs: WITHIN_MS, what: 'ready again' })
  expect(await problem()).toBeNull()
  await waitUntil(() => lines('the RPCs are well again').length > 0, {
    withinMs: WITHIN_MS,
    what: 'the end of the problem to be told',
  })
  for (const account of [payer, late]) {
    expect((await scene.booksOf(account)).events).toEqual(['deposit.pending', 'deposit.credited'])
    expect((await scene.booksOf(account)).balanceMicros).toBe('3600000000')
  }
})

test('two nodes 20 blocks apart behind one address: nothing is lost, taken back or doubled', async () => {
  const { chain } = scene
  const payers = [await scene.newPayer(), await scene.newPayer(), await scene.newPayer()]
  const [first, second, third] = payers as [Address, Address, Address]
  const [old] = (await chain.mineWith(payEther(first))).hashes as [Hash]
  await chain.mine(5)
  await scene.deposit(old, 'credited')
  proxy.headJump(20)
  const hashes = [old]
  for (const payer of [second, third]) {
    hashes.push((await chain.mineWith(payEther(payer))).hashes[0] as Hash)
    await chain.mine(15)
    const asked = await chainIdsAsked()
    await waitUntil(async () => (await chainIdsAsked()) >= asked + 5, {
      withinMs: WITHIN_MS,
      what: 'the gate to look several times more',
    })
  }
  await proxy.heal()
  // Ponder passes over a head it failed on until the next one comes, so blocks go on coming.
  for (const hash of hashes) await scene.creditedAsBlocksCome(hash)
  await waitForPass(scene)
  for (const payer of payers) {
    const { events, entries, balanceMicros } = await scene.booksOf(payer)
    expect(events).toEqual(['deposit.pending', 'deposit.credited'])
    expect([entries.length, balanceMicros]).toEqual([1, '3600000000'])
  }
  const moved = await scene.database.sql`
    select 1 from credits.outbox_event where kind = any(${statesBackFromCredited})`
  expect(moved).toHaveLength(0)
})

import type { Address } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RpcProxy } from '../support/createRpcProxy.ts'
import { endScene } from '../support/endScene.ts'
import { HOUR, payBoth } from '../support/hourPayments.ts'
import { RPC_KEY, type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Case 25: the only RPC is down in every way an RPC can be down, one after the other. People pay meanwhile.

let scene: Scene
let rpc: RpcProxy
/** Credited before anything went wrong. */
let customer: Address

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
  rpc = scene.proxies[0] as RpcProxy
  customer = await scene.newPayer()
  const { hashes } = await payBoth(scene, customer)
  await scene.chain.mine(5)
  for (const hash of hashes) await scene.deposit(hash, 'credited')
})
afterAll(() => endScene(scene))

const TWO_HOURS = '7200000000'

async function expectCreditedOnce({ payer, hashes }: Awaited<ReturnType<typeof payBoth>>) {
  for (const hash of hashes) await scene.creditedAsBlocksCome(hash)
  const books = await scene.booksOf(payer)
  expect(books.entries.map(({ kind, micros }) => [kind, micros])).toEqual([
    ['deposit', HOUR],
    ['deposit', HOUR],
  ])
  expect(books.balanceMicros).toBe(TWO_HOURS)
  // Nothing was credited on half an answer, and nothing was told twice.
  expect([...books.events].sort()).toEqual([
    'deposit.credited',
    'deposit.credited',
    'deposit.pending',
    'deposit.pending',
  ])
}

const balanceOf = async (wallet: Address) => {
  const { service } = scene
  const { status, body } = await service.request(`/v1/accounts/${wallet}/balance`, {
    key: service.serviceKey,
  })
  return { status, balanceMicros: (body as { balanceMicros: string }).balanceMicros }
}

/** The gate's own word about the RPC; null when it is well. */
async function problem(): Promise<string | null> {
  const [row] = await scene.database.sql<{ problem: string | null }[]>`
    select problem from credits.chain_status`
  return row?.problem ?? null
}

test.each<[string, () => unknown]>([
  ['429 on everything', () => rpc.respond429()],
  ['refused connections', () => rpc.refuseConnections()],
  ['headers and then silence', () => rpc.hangAfterHeaders()],
  ['HTML with status 200', () => rpc.htmlWith200()],
  ['truncated JSON', () => rpc.truncateJson()],
  ['ids of other requests', () => rpc.wrongId()],
])('%s → balances are served, nothing is credited; after it all is credited once', async (name, spoil) => {
  const { chain, service } = scene
  const payer = await scene.newPayer()
  const billing = service.pids().billing
  rpc.resetCalls()
  await spoil()
  const paid = await payBoth(scene, payer)
  await chain.mine(5)
  // The fault has been met: the gate says so, or, where it still waits for an answer, it has asked.
  await waitUntil(
    async () =>
      name === 'headers and then silence'
        ? (rpc.calls.get('eth_getBlockByNumber') ?? 0) > 0
        : (await problem()) !== null,
    { withinMs: 30_000, what: 'the gate to meet the fault' },
  )
  expect(await balanceOf(customer)).toEqual({ status: 200, balanceMicros: TWO_HOURS })
  expect(await balanceOf(payer)).toEqual({ status: 200, balanceMicros: '0' })
  expect((await service.request('/health/live')).status).toBe(200)
  expect((await scene.booksOf(payer)).entries).toEqual([])

  await rpc.heal()
  await expectCreditedOnce(paid)
  await waitUntil(async () => (await problem()) === null, { withinMs: 20_000, what: 'the end of the alarm' })
  expect(service.pids().billing).toBe(billing)
  await waitUntil(() => service.pids().indexer, { withinMs: 20_000, what: 'the indexer to run' })
  expect(await balanceOf(customer)).toEqual({ status: 200, balanceMicros: TWO_HOURS })
})

test('while the RPC is down, an unknown hash is "unavailable", not "not found"', async () => {
  await rpc.refuseConnections()
  const hash = `0x${'5'.repeat(64)}`
  const answer = await scene.service.request(`/v1/transactions/${hash}`)
  expect(answer).toMatchObject({ status: 503, body: { code: 'chain_unavailable' } })
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/)
  const submitted = await scene.service.request('/v1/deposits', { json: { txHash: hash } })
  expect(submitted).toMatchObject({ status: 503, body: { code: 'chain_unavailable' } })
  await rpc.heal()
  // Within the seconds for which we leave an RPC alone that has just failed.
  await waitUntil(async () => (await scene.service.request(`/v1/transactions/${hash}`)).status === 404, {
    withinMs: 15_000,
    what: 'the hash to be unknown',
  })
})

test.each<[string, () => unknown]>([
  ['refuses connections', () => rpc.refuseConnections()],
  ['says nothing', () => rpc.hangAfterHeaders()],
])(
  'billing killed while the RPC %s → it comes back, serves balances, and credits afterwards',
  async (_name, spoil) => {
    const { chain, service } = scene
    const payer = await scene.newPayer()
    await spoil()
    const paid = await payBoth(scene, payer)
    await chain.mine(5)
    const before = service.pids().billing
    service.kill('billing', 'SIGKILL')
    await waitUntil(
      () => {
        const now = service.pids().billing
        return now !== undefined && now !== before
      },
      { withinMs: 20_000, what: 'another billing process' },
    )
    const balance = await waitUntil(() => balanceOf(customer), { withinMs: 30_000, what: 'a balance' })
    expect(balance).toEqual({ status: 200, balanceMicros: TWO_HOURS })
    const config = await service.request('/v1/config')
    expect(config.body).toMatchObject({ rails: [{ decimals: 18 }, { decimals: 6 }, { decimals: 18 }] })

    await rpc.heal()
    await expectCreditedOnce(paid)
  },
)

test('neither the key in the RPC URL is in any log line, nor the URL in one of billing, whatever went wrong', async () => {
  expect(scene.service.logs()).not.toContain(RPC_KEY)
  const ofBilling = scene.service
    .logs()
    .split('\n')
    .filter((line) => line.includes('"component":"billing"'))
  expect(ofBilling.length).toBeGreaterThan(10)
  for (const line of ofBilling) expect(line).not.toContain(rpc.url)
})

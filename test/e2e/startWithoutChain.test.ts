import { afterEach, beforeEach, expect, test } from 'vitest'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Goal: at the very first start with RPCs that are wrong or away, all that needs no chain is served at once, the chain says why it
// has not begun, and it begins by itself. Method: the whole service, its RPC behind a proxy that is broken before the start.

let chain: TestChain
let usdc: TestToken
let proxy: RpcProxy
let database: TestDatabase
let service: Service | undefined

beforeEach(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  ;({ usdc } = await chain.deployTokens())
  proxy = await createRpcProxy(chain.rpcUrl)
})

afterEach(async () => {
  await service?.stop()
  service = undefined
  await proxy.stop()
  await database.drop()
  await chain.stop()
})

const WALLET = `0x${'ab'.repeat(20)}`

interface Ready {
  status: string
  checks: Record<'rpc' | 'gate', Record<string, { status: string; detail: string }>>
}

test.each([
  ['refuses every connection', () => proxy.refuseConnections(), /no connection/],
  ['takes every request and never answers', async () => proxy.hang(), /./],
  ['answers with a page', async () => proxy.htmlWith200(), /no JSON/],
] as const)(
  'with an RPC that %s, people are served and the chain begins when it can',
  async (_, fault, cause) => {
    await fault()
    const settings = await baseSettings({
      chains: [chain],
      databaseUrl: database.url,
      tokens: { [chain.chainId]: { usdc } },
      rpcUrls: { [chain.chainId]: proxy.url },
    })
    const running = await startService(settings, { readyWithinMs: null })
    service = running
    const is = (path: string, status: number) =>
      waitUntil(async () => (await running.request(path)).status === status, {
        withinMs: 30_000,
        what: `${path} to be ${status}`,
      }).catch((error: Error) => {
        throw new Error(`${error.message}\n${running.logs().slice(-3_000)}`)
      })
    await is('/health/serving', 200)

    const key = running.serviceKey
    const adjusted = await running.request('/v1/admin/adjustments', {
      key: running.adminKey,
      headers: { 'idempotency-key': 'once' },
      json: { wallet: WALLET, minutes: '60', reason: 'before the chain' },
    })
    expect(adjusted.status).toBe(200)
    const json = { wallet: WALLET, profile: 'small', id: 'one' }
    expect((await running.request('/v1/sessions', { key, json })).status).toBe(201)
    const beat = await running.request('/v1/sessions/one/heartbeat', { key, method: 'POST' })
    expect(beat).toMatchObject({ status: 200, body: { state: 'running' } })
    expect(await running.request(`/v1/accounts/${WALLET}/balance`, { key })).toMatchObject({ status: 200 })
    expect(await running.request('/v1/config')).toMatchObject({ status: 200 })

    const chainId = String(chain.chainId)
    const starting = await waitUntil(
      async () => {
        const { status, body } = await running.request('/health/ready')
        const { rpc, gate } = (body as Ready).checks
        const why = rpc[chainId]?.detail ?? ''
        return (
          status === 503 && why !== 'its RPCs are being asked' && { rpc: rpc[chainId], gate: gate[chainId] }
        )
      },
      { withinMs: 40_000, what: 'the cause' },
    )
    expect(starting.rpc).toEqual({ status: 'starting', detail: expect.stringMatching(cause) })
    expect(starting.gate).toEqual(starting.rpc)
    for (const rail of [`eth:${chainId}`, `usdc:${chainId}`]) {
      const askedAt = performance.now()
      const quote = await running.request(`/v1/quotes?rail=${rail}`)
      expect(quote).toMatchObject({ status: 503, body: { code: 'price_unavailable' } })
      expect(performance.now() - askedAt).toBeLessThan(2_000)
    }
    const lookup = await running.request(`/v1/transactions/0x${'12'.repeat(32)}`)
    expect(lookup.status).toBe(503)
    expect((await running.request('/metrics')).body).toContain(`axonos_gate_problem{chain="${chainId}"} 0`)

    await proxy.heal()
    await is('/health/ready', 200)
    expect((await running.request(`/v1/quotes?rail=usdc:${chainId}`)).status).toBe(200)

    // Later too, people who ask for a price while an RPC hangs are not left waiting.
    proxy.hang()
    const quoted = async () => {
      const askedAt = performance.now()
      const { status } = await running.request(`/v1/quotes?rail=usdc:${chainId}`)
      expect(performance.now() - askedAt).toBeLessThan(2_000)
      return status === 503
    }
    await waitUntil(quoted, { withinMs: 20_000, what: 'no quote without the chain', everyMs: 200 })
    expect(running.logs()).not.toContain('ended unexpectedly; starting it again","component":"billing"')
  },
)

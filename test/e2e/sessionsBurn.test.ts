import { type Address, parseUnits } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectBooksInOrder } from '../support/expectBooksInOrder.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// The whole service: credit that was paid for burns while desktops run, through crashes too. The heartbeat timeout is short,
// so that silence can be waited for.

const TIMEOUT_SECONDS = 6
const HOUR = 3_600_000_000n

interface Metered {
  id: string
  state: string
  endReason: string | null
  billedMicros: string
  totalBilledMicros: string
  balanceMicros: string
}

let scene: Scene
beforeAll(async () => {
  scene = await startScene({
    proxies: 1,
    overrides: { HEARTBEAT_INTERVAL_SECONDS: '1', HEARTBEAT_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS) },
  })
})
afterAll(() => scene?.stop())

async function ask<answer>(path: string, init: { method?: string; json?: unknown } = {}) {
  const { status, body } = await scene.service.request(path, { key: scene.service.serviceKey, ...init })
  return { status, body: body as answer }
}

const post = <answer = Metered>(path: string, json?: unknown) =>
  ask<answer>(path, { method: 'POST', ...(json === undefined ? {} : { json }) })

const readBalance = async (payer: Address) =>
  BigInt((await ask<{ balanceMicros: string }>(`/v1/accounts/${payer}/balance`)).body.balanceMicros)

/** Somebody who has paid for an hour. */
async function newCustomer(): Promise<Address> {
  const { chain, usdc } = scene
  const payer = await scene.newPayer()
  const { hashes } = await chain.mineWith(
    chain.transferToken({ token: usdc, from: payer, amount: parseUnits('1', 6) }),
  )
  await chain.mine(5)
  await scene.creditedAsBlocksCome(hashes[0])
  return payer
}

const start = (wallet: Address, profile: string, id: string) =>
  post<{ id: string; state: string }>('/v1/sessions', { wallet, profile, id })

describe('a desktop', () => {
  test('starts on credit only, burns it by the second, and ends when it is released', async () => {
    const stranger = await scene.newPayer()
    expect(await start(stranger, 'small', 'no-credit')).toMatchObject({ status: 402 })
    const payer = await newCustomer()
    expect(await start(payer, 'large', 'desk-1')).toMatchObject({ status: 201, body: { state: 'running' } })
    expect(await start(payer, 'large', 'desk-1')).toMatchObject({ status: 200 })
    expect(await start(payer, 'small', 'desk-1')).toMatchObject({ status: 409 })
    const beat = await waitUntil(
      async () => {
        const { body } = await post('/v1/sessions/desk-1/heartbeat', {})
        return BigInt(body.totalBilledMicros) > 4_000_000n ? body : null
      },
      { withinMs: 10_000, what: 'a second on four GPUs to be billed', everyMs: 200 },
    )
    expect(beat?.state).toBe('running')
    const released = await post('/v1/sessions/desk-1/release', {})
    expect(released.body).toMatchObject({ state: 'ended', endReason: 'released' })
    expect(await readBalance(payer)).toBe(HOUR - BigInt(released.body.totalBilledMicros))
    const again = await post('/v1/sessions/desk-1/release', {})
    expect(again.body).toMatchObject({ ...released.body, billedMicros: '0', billedMinutes: '0' })
  })

  test('that falls silent is ended by itself, billed for one interval after its last beat', async () => {
    const payer = await newCustomer()
    await start(payer, 'small', 'silent')
    const isOver = async () => {
      const { body } = await ask<{ items: { id: string; state: string; endReason: string }[] }>(
        `/v1/accounts/${payer}/sessions`,
      )
      const session = body.items.find(({ id }) => id === 'silent')
      return session?.state === 'ended' ? session : null
    }
    const ended = await waitUntil(isOver, {
      withinMs: 20_000,
      what: 'the silent session to be ended',
      everyMs: 200,
    })
    expect(ended?.endReason).toBe('heartbeat_timeout')
    const spent = HOUR - (await readBalance(payer))
    expect(spent).toBe(1_000_000n)
  })

  test('survives kill −9 of billing: nothing that was answered is lost, our downtime ends and costs nothing', async () => {
    const payer = await newCustomer()
    await start(payer, 'medium', 'survivor')
    const before = await waitUntil(
      async () => {
        const { body } = await post('/v1/sessions/survivor/heartbeat', {})
        return BigInt(body.totalBilledMicros) > 0n ? body : null
      },
      { withinMs: 10_000, what: 'a first heartbeat', everyMs: 100 },
    )
    scene.service.kill('billing', 'SIGKILL')
    const after = await waitUntil(
      async () => {
        const { status, body } = await post('/v1/sessions/survivor/heartbeat', {})
        return status === 200 ? body : null
      },
      { withinMs: 40_000, what: 'billing to be back', everyMs: 200 },
    )
    expect(after?.state).toBe('running')
    const billed = BigInt(after?.totalBilledMicros ?? 0) - BigInt(before?.totalBilledMicros ?? 0)
    expect(billed).toBeGreaterThanOrEqual(0n)
    // Two GPUs, and never for more than the timeout between two heartbeats that were billed.
    expect(billed).toBeLessThanOrEqual(2n * BigInt(TIMEOUT_SECONDS + 1) * 2n * 1_000_000n)
    await post('/v1/sessions/survivor/release', {})
  })
})

test('a batch answers in the order asked, and the books are in order after all of it', async () => {
  const payer = await newCustomer()
  await start(payer, 'small', 'batch-a')
  await start(payer, 'small', 'batch-b')
  const { body } = await post<{ results: { id: string; state?: string; error?: string }[] }>(
    '/v1/heartbeats',
    {
      sessionIds: ['batch-b', 'nobody', 'batch-a', 'batch-b'],
    },
  )
  expect(body.results.map(({ id, state, error }) => [id, error ?? state])).toEqual([
    ['batch-b', 'running'],
    ['nobody', 'session_not_found'],
    ['batch-a', 'running'],
    ['batch-b', 'running'],
  ])
  for (const id of ['batch-a', 'batch-b']) await post(`/v1/sessions/${id}/release`, {})
  await expectBooksInOrder(scene)
})

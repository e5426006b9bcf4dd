import type { Address } from 'viem'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../billing/api/createApp.ts'
import { createBatches } from '../../billing/metering/createBeats.ts'
import { createMeterScene, type MeterScene } from '../support/createMeterScene.ts'
import { waitUntil } from '../support/waitUntil.ts'
import { fakeDeps, serviceKey } from '../unit/api/fakeDeps.ts'

// Batches of heartbeats that cannot be billed, because somebody else holds the account's meter.

const ALICE: Address = `0x${'a1'.repeat(20)}`
const BOB: Address = `0x${'b0'.repeat(20)}`
const MINUTE = 60_000_000n
const TAKEN = 24

let scene: MeterScene
beforeEach(async () => {
  scene = await createMeterScene()
  await scene.give(ALICE, 60n * MINUTE)
  await scene.give(BOB, 60n * MINUTE)
  await scene.start('a', ALICE)
  await scene.start('b', BOB)
  await scene.clock.pass(30)
})
afterEach(() => scene.stop())

const statementsWaiting = async () =>
  (
    await scene.sql`
      select from pg_stat_activity
      where datname = current_database() and application_name = 'other' and wait_event_type = 'Lock'`
  ).length

/** Another transaction holds Alice's meter while `during` runs. */
const whileHeld = (during: () => Promise<void>) =>
  scene.sql.begin(async (tx) => {
    await tx`select from credits.meter where account = ${ALICE} for update`
    await during()
  })

function serveBatches() {
  const { metering } = fakeDeps()
  const beatMany = createBatches(scene.anotherPool(10), scene.limits)
  const app = createApp(fakeDeps({ metering: { ...metering, beatMany } }))
  return (id: string) =>
    app.request('/v1/heartbeats', {
      method: 'POST',
      headers: { Authorization: `Bearer ${serviceKey}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ sessionIds: [id] }),
    })
}

const billedIn = async (answer: Response) =>
  z.object({ results: z.array(z.object({ billedMicros: z.string() })) }).parse(await answer.json()).results[0]
    ?.billedMicros

test('four batches are under way and twenty wait; beyond, the caller is told to come again and nothing is billed', async () => {
  const beat = serveBatches()
  let taken: Promise<Response>[] = []
  await whileHeld(async () => {
    const all = Array.from({ length: TAKEN + 10 }, async () => beat('a'))
    const refused: Response[] = []
    for (const one of all) void one.then((answer) => answer.status === 503 && refused.push(answer))
    await waitUntil(() => refused.length === 10, { withinMs: 10_000, what: 'ten to be told to come again' })
    for (const answer of refused) {
      expect(answer.headers.get('Retry-After')).toBe('1')
      expect(await answer.json()).toMatchObject({ code: 'overloaded' })
    }
    // No more connections are taken than are meant for batches, and all the others are free.
    await waitUntil(async () => (await statementsWaiting()) === 4, {
      withinMs: 10_000,
      what: 'four statements to wait for the account',
    })
    expect(await scene.books(ALICE)).toMatchObject({ billed: 0n })
    taken = all
  })
  const answers = (await Promise.all(taken)).filter(({ status }) => status === 200)
  expect(answers).toHaveLength(TAKEN)
  const bills = (await Promise.all(answers.map(billedIn))).filter((micros) => micros !== '0')
  expect(bills).toEqual(['30000000'])
})

test('there is room again when they are done, also where they failed', async () => {
  const beat = serveBatches()
  let taken: Promise<Response>[] = []
  await whileHeld(async () => {
    taken = Array.from({ length: TAKEN }, async () => beat('a'))
    await waitUntil(async () => (await statementsWaiting()) === 4, {
      withinMs: 10_000,
      what: 'four statements to wait for the account',
    })
    expect((await beat('b')).status).toBe(503)
    await scene.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'other' and wait_event_type = 'Lock'`
  })
  const statuses = (await Promise.all(taken)).map(({ status }) => status)
  expect(statuses.filter((status) => status === 500)).toHaveLength(4)
  expect(statuses.filter((status) => status === 200)).toHaveLength(TAKEN - 4)
  const answer = await beat('b')
  expect([answer.status, await billedIn(answer)]).toEqual([200, '30000000'])
})

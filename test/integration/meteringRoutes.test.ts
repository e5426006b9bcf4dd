import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import type { Api } from '../../billing/api/appDeps.ts'
import { createApp } from '../../billing/api/createApp.ts'
import { adjust } from '../../billing/ledger/adjust.ts'
import { storageRate } from '../../billing/metering/accrueStorage.ts'
import { createBatches, createBeats } from '../../billing/metering/createBeats.ts'
import { meterLimits, meterSessions } from '../../billing/metering/meterSessions.ts'
import { readAccount } from '../../billing/metering/readAccount.ts'
import { expireSessions } from '../../billing/metering/runMetering.ts'
import { listSessions, startSession } from '../../billing/metering/sessions.ts'
import { deleteVolume, putVolume, readVolume } from '../../billing/metering/volumes.ts'
import { createMeterClock, type MeterClock } from '../support/createMeterClock.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { creditTestDeposit } from '../support/creditTestDeposit.ts'
import { config, fakeDeps, serviceKey } from '../unit/api/fakeDeps.ts'

// The routes on the real meter: what unit tests with fakes cannot see is whether the two understand each other.

const wallet = `0x${'a1'.repeat(20)}` as const
const headers = { Authorization: `Bearer ${serviceKey}`, 'Content-Type': 'application/json' }

let database: TestDatabase
let clock: MeterClock
let app: Api
beforeEach(async () => {
  database = await createTestDatabase()
  clock = await createMeterClock(database.sql)
  const { sql } = database
  const limits = meterLimits(config)
  const rate = storageRate(config)
  app = createApp(
    fakeDeps({
      metering: {
        start: (session) => startSession(sql, limits, session),
        beat: createBeats(sql, limits),
        beatMany: createBatches(sql, limits),
        release: async (id) => (await meterSessions(sql, limits, [id], 'release'))[0] ?? null,
        readAccount: (address) => readAccount(sql, limits, address),
        listSessions: (address, page) => listSessions(sql, { account: address, live: false }, page),
      },
      volumes: {
        put: (volume) => putVolume(sql, rate, volume),
        remove: (id) => deleteVolume(sql, rate, id),
        read: (id) => readVolume(sql, rate, id),
      },
    }),
  )
  // Bought and spent long ago, so that there is grace.
  const micros = 1_200n * 60_000_000n
  await creditTestDeposit(sql, limits, { payer: wallet, micros, word: 'long ago' })
  await adjust(sql, { wallet, micros: -micros, reason: 'test', idempotencyKey: 'spent' })
  await adjust(sql, { wallet, micros: 60n * 60_000_000n, reason: 'test', idempotencyKey: 'test' })
})
afterEach(() => database.drop())

async function send(method: string, path: string, body?: unknown) {
  const init = { method, headers }
  const sent = body === undefined ? init : { ...init, body: JSON.stringify(body) }
  const answer = await app.request(path, sent)
  return { status: answer.status, body: z.record(z.string(), z.unknown()).parse(await answer.json()) }
}

const minutesLeft = async () => (await send('GET', `/v1/accounts/${wallet}/balance`)).body.balanceMinutes

test('a session from its start to its release, with credit for seven and a half minutes of eight GPUs', async () => {
  const session = { wallet, profile: 'max', id: 'desk:1' }
  expect(await send('POST', '/v1/sessions', session)).toMatchObject({ status: 201, body: { gpus: 8 } })
  expect((await send('POST', '/v1/sessions', session)).status).toBe(200)
  expect((await send('POST', '/v1/sessions', { ...session, profile: 'small' })).status).toBe(409)

  await clock.pass(30)
  expect(await minutesLeft()).toBe('56')
  const beat = await send('POST', '/v1/sessions/desk:1/heartbeat')
  expect(beat).toMatchObject({
    status: 200,
    body: { state: 'running', billedMinutes: '4', balanceMinutes: '56' },
  })
  for (const _ of [1, 2, 3, 4]) {
    await clock.pass(120)
    await send('POST', '/v1/heartbeats', { sessionIds: ['desk:1', 'nobody'] })
  }
  const batch = await send('POST', '/v1/heartbeats', { sessionIds: ['nobody', 'desk:1', 'desk:1'] })
  expect(batch.body.results).toMatchObject([
    { id: 'nobody', error: 'session_not_found' },
    { state: 'grace', balanceMicros: '0', low: true },
    { billedMicros: '0', totalBilledMinutes: '60' },
  ])
  const released = await send('POST', '/v1/sessions/desk:1/release')
  expect(released.body).toMatchObject({ state: 'ended', endReason: 'released', graceRemainingSeconds: null })
  expect((await send('POST', '/v1/sessions/desk:1/release')).body).toMatchObject({
    endReason: 'released',
    billedMicros: '0',
  })
  expect((await send('POST', '/v1/sessions', { wallet, profile: 'small' })).status).toBe(402)
  expect(await send('POST', '/v1/sessions', session)).toMatchObject({
    status: 409,
    body: { code: 'session_conflict' },
  })
  expect((await send('GET', `/v1/accounts/${wallet}/sessions`)).body).toMatchObject({
    items: [{ id: 'desk:1', state: 'ended', totalBilledMinutes: '60' }],
    nextCursor: null,
  })
})

test('the id of an ended session is a conflict, however it ended, for whomever, and with credit for another', async () => {
  const ends: Record<string, () => Promise<unknown>> = {
    released: () => send('POST', '/v1/sessions/released/release'),
    silent: async () => {
      await clock.pass(121)
      return expireSessions(database.sql, meterLimits(config))
    },
  }
  for (const [id, end] of Object.entries(ends)) {
    const session = { wallet, profile: 'small', id }
    expect((await send('POST', '/v1/sessions', session)).status).toBe(201)
    expect(await send('POST', '/v1/sessions', session)).toMatchObject({
      status: 200,
      body: { state: 'running' },
    })
    await end()
    const others = [session, { ...session, profile: 'max' }, { ...session, wallet: `0x${'b2'.repeat(20)}` }]
    for (const again of others)
      expect(await send('POST', '/v1/sessions', again)).toMatchObject({
        status: 409,
        body: { code: 'session_conflict' },
      })
    expect((await send('POST', '/v1/sessions', { ...session, id: `${id}-2` })).status).toBe(201)
    await send('POST', `/v1/sessions/${id}-2/release`)
  }
})

test('a volume of 100 GiB costs 5 minutes an hour; deleted, it is gone to readers', async () => {
  const report = { wallet, sizeBytes: 100 * 2 ** 30 }
  expect(await send('PUT', '/v1/volumes/v', report)).toMatchObject({
    status: 200,
    body: { billedMicros: '0' },
  })
  await clock.pass(3_600)
  const read = await send('PUT', '/v1/volumes/v', report)
  expect(read.body).toEqual({
    id: 'v',
    wallet,
    sizeBytes: '107374182400',
    state: 'active',
    billedMicros: '300000000',
    billedMinutes: '5',
  })
  expect(await minutesLeft()).toBe('55')
  expect((await send('PUT', '/v1/volumes/v', { ...report, wallet: `0x${'b2'.repeat(20)}` })).status).toBe(409)
  await clock.pass(1_800)
  expect((await send('DELETE', '/v1/volumes/v')).body.billedMinutes).toBe('7.5')
  await clock.pass(3_600)
  expect(await send('DELETE', '/v1/volumes/v')).toMatchObject({ status: 200, body: { billedMinutes: '7.5' } })
  expect((await send('GET', '/v1/volumes/v')).status).toBe(404)
})

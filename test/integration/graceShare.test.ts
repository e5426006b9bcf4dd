import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../billing/api/createApp.ts'
import { createBatches, createBeats } from '../../billing/metering/createBeats.ts'
import { type MeterLimits, meterSessions } from '../../billing/metering/meterSessions.ts'
import { readAccount } from '../../billing/metering/readAccount.ts'
import { expireSessions } from '../../billing/metering/runMetering.ts'
import { listSessions, startSession } from '../../billing/metering/sessions.ts'
import { createMeterScene, limits, type MeterScene } from '../support/createMeterScene.ts'
import { creditTestDeposit, reverseTestDeposit } from '../support/creditTestDeposit.ts'
import { readDifferences } from '../support/readDifferences.ts'
import { fakeDeps, serviceKey } from '../unit/api/fakeDeps.ts'

// Goal: no way of paying, starting and leaving makes a minute of a GPU cheaper than its price by more than GRACE_PERCENT.
// Method: deposits by the gate's own code, the real statements, a clock in the test's hands; what ran is taken from the
// sessions' own beginnings and ends, and not from what metering says that it counted.

const ALICE = `0x${'a1'.repeat(20)}` as const
const SECOND = 1_000_000n
const MINUTE = 60n * SECOND

let scene: MeterScene
beforeEach(async () => {
  scene = await createMeterScene()
})
afterEach(async () => {
  const differences = await readDifferences(scene.sql)
  await scene.stop()
  expect(differences).toEqual([])
})

/** All GPU time of sessions that are over, and all grace that was counted. */
async function ran(): Promise<{ micros: bigint; grace: bigint; bought: bigint }> {
  const [row] = await scene.sql<{ micros: bigint; grace: bigint; bought: bigint }[]>`
    select coalesce(sum(credits.micros_between(s.started_at, s.ended_at) * s.gpus), 0)::bigint as micros,
      (select coalesce(sum(grace_total_micros), 0)::bigint from credits.meter) as grace,
      credits.bought_micros(${ALICE}) as bought
    from credits.session s where s.state = 'ended'`
  if (row === undefined) throw new Error('nothing ran')
  return row
}

const account = async () => {
  const [row] = await scene.sql<{ used: bigint; total: bigint }[]>`
    select grace_used_micros as used, grace_total_micros as total from credits.meter where account = ${ALICE}`
  return row ?? { used: 0n, total: 0n }
}

/** Beats all until they are over, the last second included; the leader looks for exhausted ones only where told. */
async function runToEnd(ids: string[], seconds: number, leader: boolean) {
  for (let n = 0; n < 2_000; n += 1) {
    await scene.clock.pass(seconds)
    if (leader) await expireSessions(scene.sql, limits)
    const sessions = await scene.act('beat', ids)
    if (sessions.every(({ state }) => state === 'ended')) return
  }
  throw new Error('they never ended')
}

describe('three rounds of "deposit 60 minutes, run to the end of grace"', () => {
  test('by the HTTP interface, on 8 GPUs: 180 paid minutes run 198 in all', async () => {
    const headers = { Authorization: `Bearer ${serviceKey}`, 'Content-Type': 'application/json' }
    const app = createApp(
      fakeDeps({
        metering: {
          start: (session) => startSession(scene.sql, limits, session),
          beat: createBeats(scene.sql, limits),
          beatMany: createBatches(scene.sql, limits),
          release: async (id) => (await meterSessions(scene.sql, limits, [id], 'release'))[0] ?? null,
          readAccount: (address) => readAccount(scene.sql, limits, address),
          listSessions: (address, page) => listSessions(scene.sql, { account: address, live: false }, page),
        },
      }),
    )
    const post = async (path: string, body?: unknown) => {
      const init = { method: 'POST', headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      const answer = await app.request(path, init)
      return z.record(z.string(), z.unknown()).parse(await answer.json())
    }
    const remaining: unknown[] = []
    for (const id of ['one', 'two', 'three']) {
      await scene.deposit(ALICE, 60n * MINUTE)
      await post('/v1/sessions', { wallet: ALICE, profile: 'max', id })
      for (;;) {
        await scene.clock.pass(30)
        const beat = await post(`/v1/sessions/${id}/heartbeat`)
        if (beat.state === 'grace') remaining.push(beat.graceRemainingSeconds)
        if (beat.state === 'ended') break
      }
    }
    // 60 minutes last eight GPUs for 450 seconds, and 6 minutes of grace for 45.
    expect(remaining).toEqual([45, 15, 45, 15, 45, 15])
    expect(await ran()).toEqual({ micros: 198n * MINUTE, grace: 18n * MINUTE, bought: 180n * MINUTE })
    const sessions = await app.request(`/v1/accounts/${ALICE}/sessions`, { headers })
    expect(await sessions.json()).toMatchObject({
      items: [{ endReason: 'grace_exhausted', totalBilledMinutes: '60' }, {}, {}],
    })
  })

  test.each([
    { gpus: [1], every: 30, leader: false },
    { gpus: [8], every: 120, leader: false },
    { gpus: [8], every: 119, leader: true },
    { gpus: [8, 8, 8], every: 45, leader: false },
    { gpus: [1, 2, 4, 8], every: 7, leader: true },
    { gpus: [8, 1], every: 97, leader: false },
  ])('$gpus GPUs, a heartbeat every $every s, leader $leader: 10 % more, and not a micro', async (one) => {
    for (let round = 0; round < 3; round += 1) {
      await scene.deposit(ALICE, 60n * MINUTE)
      const ids = one.gpus.map((_, n) => `r${round}-${n}`)
      for (const [n, gpus] of one.gpus.entries())
        expect(await scene.start(ids[n] ?? '', ALICE, gpus)).toMatchObject({ kind: 'created' })
      await runToEnd(ids, one.every, one.leader)
    }
    const { micros, grace, bought } = await ran()
    expect({ grace, bought }).toEqual({ grace: 18n * MINUTE, bought: 180n * MINUTE })
    // Sessions of several GPUs end on a whole microsecond of each.
    expect(micros).toBeLessThanOrEqual(198n * MINUTE)
    expect(micros).toBeGreaterThan(198n * MINUTE - 100n)
  })
})

describe('the share is of all that was ever bought', () => {
  test('with a reversal, what was used stays used, and counts against later purchases', async () => {
    const payer = ALICE
    const micros = 600n * MINUTE
    await creditTestDeposit(scene.sql, limits, { payer, micros, word: 'first' })
    await scene.start('s', ALICE, 8)
    await runToEnd(['s'], 30, false)
    expect(await account()).toEqual({ used: 60n * MINUTE, total: 60n * MINUTE })
    expect(await reverseTestDeposit(scene.sql, { payer, micros, word: 'first' })).toBe(true)
    // Pays the debt, and would buy 60 minutes of grace: those are used.
    await scene.deposit(ALICE, 608n * MINUTE)
    expect(await account()).toEqual({ used: 0n, total: 60n * MINUTE })
    await scene.start('t', ALICE, 8)
    await scene.clock.pass(60)
    expect(await scene.beatOne('t')).toMatchObject({ state: 'grace', graceLeftMicros: (800_000n * 60n) / 8n })
    await scene.clock.pass(30)
    expect(await scene.beatOne('t')).toMatchObject({ state: 'ended', endReason: 'grace_exhausted' })
    expect((await account()).total).toBe((608n * MINUTE) / 10n)
  })

  test('a session in grace ends with the reversal of what its grace was a share of', async () => {
    const deposit = { payer: ALICE, micros: 600n * MINUTE, word: 'first' }
    await creditTestDeposit(scene.sql, limits, deposit)
    await scene.give(ALICE, -599n * MINUTE)
    await scene.start('s', ALICE)
    await scene.run(90, 's')
    expect(await scene.read(ALICE)).toMatchObject({ graceRemainingSeconds: 3_570 })
    await reverseTestDeposit(scene.sql, deposit)
    await scene.clock.pass(5)
    expect(await scene.read(ALICE)).toMatchObject({ graceRemainingSeconds: 0 })
    expect(await expireSessions(scene.sql, limits)).toMatchObject([{ id: 's', endReason: 'grace_exhausted' }])
    expect((await account()).total).toBe(30n * SECOND)
  })

  test('adjustments buy none, and take none away', async () => {
    await scene.give(ALICE, 600n * MINUTE)
    await scene.give(ALICE, -599n * MINUTE)
    await scene.start('s', ALICE)
    await scene.clock.pass(60)
    expect(await scene.beatOne('s')).toMatchObject({ state: 'ended', endReason: 'grace_exhausted' })
    await scene.deposit(ALICE, 100n * MINUTE)
    await scene.give(ALICE, -99n * MINUTE)
    await scene.start('t', ALICE)
    await scene.clock.pass(60)
    expect(await scene.beatOne('t')).toMatchObject({ state: 'grace', graceLeftMicros: 10n * MINUTE })
  })

  test('a setting that is lowered, to 0 or by half, ends what is beyond it; one that is raised gives more', async () => {
    await scene.bought(ALICE, 100n)
    await scene.give(ALICE, MINUTE)
    await scene.start('s', ALICE)
    await scene.run(60 + 60, 's')
    const beat = async (changed: Partial<MeterLimits>) => {
      const [session] = await meterSessions(scene.sql, { ...limits, ...changed }, ['s'], 'beat')
      return session
    }
    expect(await beat({})).toMatchObject({ graceLeftMicros: 9n * MINUTE })
    expect(await beat({ gracePercent: 5 })).toMatchObject({ graceLeftMicros: 4n * MINUTE })
    expect(await beat({ gracePercent: 100 })).toMatchObject({ graceLeftMicros: 99n * MINUTE })
    expect(await beat({ graceMicros: 3n * MINUTE })).toMatchObject({ graceLeftMicros: 2n * MINUTE })
    expect(await beat({ gracePercent: 0 })).toMatchObject({ state: 'ended', endReason: 'grace_exhausted' })
  })
})

describe('nobody runs over the share', () => {
  beforeEach(async () => {
    await scene.bought(ALICE, 100n)
  })
  const SHARE = 10n * MINUTE

  test('a heartbeat that is late ends the session at the moment the share was used, and its volumes are billed from there', async () => {
    await scene.give(ALICE, 8n * MINUTE)
    await scene.start('s', ALICE, 8)
    await scene.run(60, 's')
    await scene.clock.pass(120)
    const [ended] = await scene.act('beat', ['s'])
    // 10 minutes last eight GPUs for 75 seconds.
    expect(ended).toMatchObject({ endReason: 'grace_exhausted', billedMicros: 0n })
    expect(ended?.endedAt).toEqual(new Date((await scene.clock.now()).getTime() - 45_000))
    const [meter] = await scene.sql<
      { idleSince: Date }[]
    >`select idle_since as "idleSince" from credits.meter`
    expect(meter?.idleSince).toEqual(ended?.endedAt)
    expect(await ran()).toMatchObject({ micros: 8n * MINUTE + SHARE, grace: SHARE })
  })

  test('the leader ends it without a heartbeat, also one that has not heard yet that the balance is used up', async () => {
    await scene.give(ALICE, 8n * MINUTE)
    await scene.start('s', ALICE, 8)
    await scene.run(30, 's')
    // 30 seconds of credit, 75 of grace.
    await scene.clock.pass(104.999999)
    expect(await expireSessions(scene.sql, limits)).toEqual([])
    await scene.clock.pass(0.000001)
    expect(await expireSessions(scene.sql, limits)).toMatchObject([
      { id: 's', endReason: 'grace_exhausted', billedMicros: 4n * MINUTE },
    ])
    expect(await ran()).toMatchObject({ micros: 8n * MINUTE + SHARE, grace: SHARE })
  })

  test.each(['release', 'end'] as const)(
    '%s after it was used counts no more than the share',
    async (action) => {
      await scene.give(ALICE, 8n * MINUTE)
      await scene.start('s', ALICE, 8)
      await scene.run(60, 's')
      await scene.clock.pass(100)
      expect(await scene.act(action, ['s'])).toMatchObject([{ state: 'ended', billedMicros: 0n }])
      expect(await account()).toEqual({ used: SHARE, total: SHARE })
    },
  )

  test('silence counts what it is billed for, an interval, and no more than the share', async () => {
    await scene.give(ALICE, MINUTE)
    await scene.start('s', ALICE)
    await scene.run(60, 's')
    await scene.clock.pass(121)
    expect(await scene.act('expire', ['s'])).toMatchObject([
      { endReason: 'heartbeat_timeout', billedMicros: 0n },
    ])
    expect(await account()).toEqual({ used: 30n * SECOND, total: 30n * SECOND })
  })

  test('sessions in separate batches share it, whoever comes first', async () => {
    await scene.give(ALICE, 16n * MINUTE)
    for (const id of ['a', 'b']) await scene.start(id, ALICE, 8)
    await scene.run(60, 'a', 'b')
    await scene.clock.pass(30)
    expect(await scene.act('beat', ['b'])).toMatchObject([
      { state: 'grace', graceLeftMicros: (6n * MINUTE) / 16n },
    ])
    expect(await scene.act('beat', ['a'])).toMatchObject([
      { state: 'grace', graceLeftMicros: (2n * MINUTE) / 16n },
    ])
    await scene.clock.pass(30)
    expect(await scene.act('beat', ['a'])).toMatchObject([{ state: 'ended' }])
    expect(await scene.act('beat', ['b'])).toMatchObject([{ state: 'ended' }])
    expect(await ran()).toMatchObject({ micros: 26n * MINUTE, grace: SHARE })
  })

  test('heartbeats of all at the same instant, by several processes, share it to the micro', async () => {
    await scene.give(ALICE, 20n * MINUTE)
    const ids = Array.from({ length: 20 }, (_, n) => `s${n}`)
    for (const id of ids) await scene.start(id, ALICE)
    await scene.run(60, ...ids)
    const pools = [scene.anotherPool(), scene.anotherPool(), scene.anotherPool()]
    for (let round = 0; round < 4; round += 1) {
      await scene.clock.pass(13)
      await Promise.all(ids.map((id, n) => scene.act('beat', [id], pools[n % 3])))
    }
    expect((await scene.act('beat', ids)).every(({ state }) => state === 'ended')).toBe(true)
    expect(await ran()).toMatchObject({ micros: 30n * MINUTE, grace: SHARE })
  })
})

describe('a deposit', () => {
  test('refills the allowance, and what ran until then is counted and not billed', async () => {
    await scene.bought(ALICE, 2_000n)
    await scene.give(ALICE, MINUTE)
    await scene.start('s', ALICE)
    await scene.run(60 + 600, 's')
    await scene.clock.pass(20)
    await scene.deposit(ALICE, 60n * MINUTE)
    expect(await account()).toEqual({ used: 0n, total: 620n * SECOND })
    await scene.clock.pass(10)
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 10n * SECOND })
  })

  test('every minute cannot hide what runs between: that is counted up to the share, and the session is over', async () => {
    await scene.deposit(ALICE, 60n * MINUTE)
    await scene.start('s', ALICE, 8)
    await scene.run(450, 's')
    await scene.clock.pass(110)
    // 6 minutes last for 45 seconds: 65 before the deposit it was over.
    await scene.deposit(ALICE, 60n * MINUTE)
    expect(await scene.beatOne('s')).toMatchObject({ state: 'ended', endReason: 'grace_exhausted' })
    expect(await ran()).toMatchObject({ micros: 66n * MINUTE, grace: 6n * MINUTE })
    expect(await scene.read(ALICE)).toMatchObject({ balanceMicros: 60n * MINUTE })
  })

  test('is settled while the clock stands still, by what it last said', async () => {
    await scene.bought(ALICE, 2_000n)
    await scene.give(ALICE, MINUTE)
    await scene.start('s', ALICE)
    await scene.run(60, 's')
    await scene.clock.pass(20)
    await scene.clock.jump(3_600)
    await scene.deposit(ALICE, 60n * MINUTE)
    expect(await account()).toEqual({ used: 0n, total: 20n * SECOND })
  })

  test('that is credited again after a reversal refills nothing', async () => {
    const deposit = { payer: ALICE, micros: 2_000n * MINUTE, word: 'first' }
    await creditTestDeposit(scene.sql, limits, deposit)
    await scene.give(ALICE, -1_999n * MINUTE)
    await scene.start('s', ALICE)
    await scene.run(60 + 600, 's')
    await reverseTestDeposit(scene.sql, deposit)
    await creditTestDeposit(scene.sql, limits, deposit)
    expect(await account()).toEqual({ used: 600n * SECOND, total: 600n * SECOND })
    // Its credit stands again, and the session goes on where it was.
    await scene.clock.pass(30)
    expect(await scene.beatOne('s')).toMatchObject({
      state: 'grace',
      graceLeftMicros: 7_200n * SECOND - 630n * SECOND,
    })
  })
})

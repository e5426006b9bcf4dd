import type { Address } from 'viem'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Sql } from '../../billing/database/connect.ts'
import { accrueStorage } from '../../billing/metering/accrueStorage.ts'
import { createBeats } from '../../billing/metering/createBeats.ts'
import { type MeteredSession, meterSessions } from '../../billing/metering/meterSessions.ts'
import { postUsage } from '../../billing/metering/postUsage.ts'
import { expireSessions } from '../../billing/metering/runMetering.ts'
import { deleteVolume, putVolume } from '../../billing/metering/volumes.ts'
import { createMeterScene, type MeterScene } from '../support/createMeterScene.ts'
import { readDifferences } from '../support/readDifferences.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Real connections, of several pools as of several processes. Only time stands still, so that what is billed can be told
// to the micro whoever comes first.

const ALICE = `0x${'a1'.repeat(20)}` as const
const BOB = `0x${'b0'.repeat(20)}` as const
const SECOND = 1_000_000n
const MINUTE = 60_000_000n
const GIB = 1n << 30n

let scene: MeterScene
beforeEach(async () => {
  scene = await createMeterScene()
})
afterEach(() => scene.stop())

const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n)
const billed = (sessions: Pick<MeteredSession, 'billedMicros'>[]) =>
  sum(sessions.map(({ billedMicros }) => billedMicros))
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`)
const times = <T>(count: number, work: (n: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, n) => work(n)))

async function startAll(ids: string[], account: Address = ALICE) {
  for (const id of ids)
    expect(await scene.start(id, account)).toMatchObject({ kind: 'created', session: { id } })
}

/** A single heartbeat that is expected to be metered. */
async function single(beat: ReturnType<typeof createBeats>, id: string): Promise<MeteredSession> {
  const result = await beat(id)
  if (result.kind !== 'metered') throw new Error(`the heartbeat of ${id} was ${result.kind}`)
  return result.session
}

async function expectBooksInOrder(...accounts: Address[]) {
  for (const account of accounts) {
    const books = await scene.books(account)
    expect(books.unposted).toBe(books.unpostedUsage)
    expect(books.balance).toBe(books.entries - books.unpostedUsage)
    expect(books.used).toBe(books.billed)
  }
  expect(await readDifferences(scene.sql)).toEqual([])
}

/** Holds the meters of accounts until told to let go, as a slow transaction would. */
async function holdMeters(...accounts: Address[]): Promise<() => Promise<void>> {
  let letGo = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let hasThem = () => {}
  const ready = new Promise<void>((resolve) => {
    hasThem = resolve
  })
  const done = scene.sql.begin(async (tx) => {
    await tx`select 1 from credits.meter where account = any(${accounts}::text[]) order by account for update`
    hasThem()
    await held
  })
  await Promise.race([ready, done])
  return async () => {
    letGo()
    await done
  }
}

/** The processes of the server that wait for a lock, of connections by that name. */
async function waitingOf(applicationName: string): Promise<number[]> {
  const rows = await scene.sql<{ pid: number }[]>`
    select pid from pg_stat_activity
    where datname = current_database() and application_name = ${applicationName} and wait_event_type = 'Lock'`
  return rows.map(({ pid }) => pid)
}

const waitForWaiting = (count: number, applicationName = 'other') =>
  waitUntil(
    async () => {
      const pids = await waitingOf(applicationName)
      return pids.length >= count ? pids : undefined
    },
    { withinMs: 5_000, what: `${count} connections that wait for a lock` },
  )

describe('case 38: heartbeats at once', () => {
  test('the same one a hundred times, by four processes one by one and by ten connections, is billed once', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    await startAll(['s'])
    await scene.clock.pass(30)
    const processes = await times(4, async () => createBeats(scene.anotherPool(), scene.limits))
    const answers = await Promise.all([
      ...processes.flatMap((beat) => Array.from({ length: 25 }, () => single(beat, 's'))),
      ...Array.from({ length: 100 }, async () => scene.act('beat', ['s']).then(([one]) => one)),
    ])
    expect(answers).toHaveLength(200)
    expect(billed(answers.flatMap((one) => (one === undefined ? [] : [one])))).toBe(30n * SECOND)
    expect(answers.every((one) => one?.totalBilledMicros === 30n * SECOND)).toBe(true)
    expect(answers.every((one) => one?.balanceMicros === 60n * MINUTE - 30n * SECOND)).toBe(true)
    await expectBooksInOrder(ALICE)
  })

  test('of a hundred sessions of one account sum to what there is, and never below zero', async () => {
    await scene.bought(ALICE, 1_200n)
    await scene.give(ALICE, 100n * MINUTE)
    const ids = names('s', 100)
    await startAll(ids)
    const processes = await times(3, async () => createBeats(scene.anotherPool(), scene.limits))
    const beatAll = () =>
      Promise.all(
        processes.flatMap((beat, n) => ids.filter((_, i) => i % 3 === n).map((id) => single(beat, id))),
      )

    await scene.clock.pass(30)
    expect(billed(await beatAll())).toBe(50n * MINUTE)
    // A minute of all would cost 100 minutes, and there are 50.
    await scene.clock.pass(60)
    const spent = await beatAll()
    expect(billed(spent)).toBe(50n * MINUTE)
    expect(spent.every(({ balanceMicros }) => balanceMicros >= 0n)).toBe(true)
    expect(
      (await beatAll()).every(({ state, billedMicros }) => state === 'grace' && billedMicros === 0n),
    ).toBe(true)
    expect(await scene.books(ALICE)).toMatchObject({ balance: 0n, billed: 100n * MINUTE })
    await expectBooksInOrder(ALICE)
  })

  test('a session in a batch twice is answered once, and single ones are told once what was billed', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    await startAll(['s'])
    await scene.clock.pass(7)
    expect(await scene.act('beat', ['s', 's', 'nobody', 's'])).toHaveLength(1)
    await scene.clock.pass(7)
    const beat = createBeats(scene.sql, scene.limits)
    const answers = await Promise.all([single(beat, 's'), single(beat, 's'), beat('nobody')])
    expect(answers).toMatchObject([{ billedMicros: 7n * SECOND }, { billedMicros: 0n }, { kind: 'unknown' }])
  })

  test('a session that starts while a batch waits for others is not billed beside its account’s lock', async () => {
    // The batch locks before it looks. A session that is not there when it locks may be there when it looks.
    await scene.give(ALICE, 60n * MINUTE)
    await scene.give(BOB, 60n * MINUTE)
    await startAll(['b'], BOB)
    const letGoOfBob = await holdMeters(BOB)
    const batch = scene.act('beat', ['a', 'b'], scene.anotherPool())
    await waitForWaiting(1)
    await startAll(['a'])
    await scene.clock.pass(30)
    const single = await scene.sql.begin(async (tx) => {
      const [one] = await meterSessions(tx, scene.limits, ['a'], 'beat')
      await letGoOfBob()
      // The batch either waits for this account now, or has left the new session out.
      await Promise.race([batch, waitForWaiting(1)])
      return one?.billedMicros
    })
    expect(single).toBe(30n * SECOND)
    expect(await batch).toMatchObject([{ id: 'b', billedMicros: 30n * SECOND }])
    expect(await scene.books(ALICE)).toMatchObject({ billed: 30n * SECOND })
    await expectBooksInOrder(ALICE, BOB)
  })
})

test('a heartbeat that changes nothing but money wakes nobody', async () => {
  // NOTIFY makes commits queue behind each other, one flush each: no heartbeat may pay for that.
  await scene.give(ALICE, 600n * MINUTE)
  await startAll(['s'])
  const heard: string[] = []
  await scene.sql.listen('credits_outbox', (payload) => heard.push(payload))
  const said: string[] = []
  await scene.sql.listen('test_done', (payload) => said.push(payload))
  await scene.clock.pass(30)
  await scene.act('beat', ['s'])
  await scene.sql`select pg_notify('test_done', '')`
  await waitUntil(() => said.length > 0, { withinMs: 5_000, what: 'the notification sent last' })
  expect(heard).toEqual([])
  await scene.act('release', ['s'])
  await waitUntil(() => heard.length > 0, { withinMs: 5_000, what: 'the notification of the end' })
})

describe('case 39: everything at the same moment on one account', () => {
  test('fifty rounds end with the balance as the sum, and without a deadlock', async () => {
    await scene.deposit(ALICE, 1_000n * MINUTE)
    await scene.give(BOB, 10_000n * MINUTE)
    const [one, two, three] = [scene.anotherPool(), scene.anotherPool(), scene.anotherPool()] as const
    const beats = [createBeats(one, scene.limits), createBeats(two, scene.limits)]
    await startAll(['b'], BOB)
    await putVolume(one, scene.rate, { id: 'v', account: ALICE, sizeBytes: 100n * GIB })
    let given = 1_000n * MINUTE
    const charged: bigint[] = []
    for (let round = 0; round < 50; round += 1) {
      await scene.clock.pass(round % 10 === 9 ? 3_700 : 30)
      const ids = names(`a${round}-`, 2)
      const earlier = names(`a${round - 1}-`, 2)
      // Some rounds in debt: an adjustment takes more than there is.
      const adjustment = round % 7 === 3 ? -200n * MINUTE : 30n * MINUTE
      given += adjustment + MINUTE
      const metered = await Promise.all([
        ...earlier.flatMap((id) => beats.map((beat) => beat(id))),
        scene.act('beat', [...earlier, 'b'], three),
        // In every other round: storage costs only while no session is live.
        ...(round % 2 === 0 ? ids : []).map((id, n) => scene.start(id, ALICE, 1, n === 0 ? two : three)),
        scene.deposit(ALICE, MINUTE, one),
        scene.give(ALICE, adjustment, two),
        accrueStorage(one, scene.rate).then((micros) => void charged.push(micros)),
        accrueStorage(two, scene.rate).then((micros) => void charged.push(micros)),
        putVolume(three, scene.rate, { id: `v${round % 3}`, account: ALICE, sizeBytes: BigInt(round) * GIB }),
        deleteVolume(two, scene.rate, `v${(round + 1) % 3}`),
        postUsage(one),
        postUsage(three),
        expireSessions(two, scene.limits),
        scene.act('release', earlier, three),
      ])
      expect(metered.length).toBeGreaterThan(0)
      const state = await scene.books(ALICE)
      expect(state.balance).toBe(state.entries - state.unpostedUsage)
      expect(state.used).toBe(state.billed)
    }
    const [deadlocks] = await scene.sql<{ count: bigint }[]>`
      select deadlocks as count from pg_stat_database where datname = current_database()`
    expect(deadlocks?.count).toBe(0n)
    const [sums] = await scene.sql<{ given: bigint; used: bigint; stored: bigint }[]>`
      select (select sum(micros)::bigint from credits.ledger_entry where account = ${ALICE} and kind in ('adjustment', 'deposit')) as given,
        (select coalesce(sum(total_billed_micros), 0)::bigint from credits.session where account = ${ALICE}) as used,
        (select sum(total_billed_micros)::bigint from credits.volume) as stored`
    expect(sums?.given).toBe(given)
    // Some was billed by a PUT or a DELETE, so at least what the accruals said.
    expect(sums?.stored).toBeGreaterThanOrEqual(sum(charged))
    expect(sum(charged)).toBeGreaterThan(0n)
    expect(sums?.used).toBeGreaterThan(0n)
    expect((await scene.books(ALICE)).balance).toBe(given - (sums?.used ?? 0n) - (sums?.stored ?? 0n))
    await expectBooksInOrder(ALICE, BOB)
  })
})

describe('case 42: two started at the same instant', () => {
  test('on credit for one are one of them', async () => {
    await scene.give(ALICE, MINUTE)
    const pools = [scene.anotherPool(), scene.anotherPool()]
    for (let round = 0; round < 20; round += 1) {
      const ids = [`x${round}`, `y${round}`]
      const kinds = await Promise.all(ids.map((id, n) => scene.start(id, ALICE, 1, pools[n])))
      expect(kinds.map(({ kind }) => kind).sort()).toEqual(['created', 'insufficient_credit'])
      await scene.act('release', ids)
    }
    expect(await scene.books(ALICE)).toMatchObject({ balance: MINUTE })
  })

  test('by the same id are the same session, also on credit for one', async () => {
    await scene.give(ALICE, MINUTE)
    for (let round = 0; round < 20; round += 1) {
      const started = await times(5, () => scene.start(`x${round}`, ALICE))
      expect(started.map(({ kind }) => kind).sort()).toEqual(['created', ...Array(4).fill('existing')])
      await scene.act('release', [`x${round}`])
    }
  })

  test('by the id of a session that is ending are that session or a conflict, never an ended one', async () => {
    await scene.give(ALICE, 2n * MINUTE)
    const seen = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      const id = `x${round}`
      await scene.start(id, ALICE)
      const [starts] = await Promise.all([
        times(6, () => scene.start(id, ALICE)),
        scene.act('release', [id], scene.anotherPool(1)),
      ])
      for (const started of starts) {
        seen.add(started.kind)
        if (started.kind === 'existing') expect(started.session.state).not.toBe('ended')
        else expect(started.kind).toBe('conflict')
      }
      expect(await scene.start(id, ALICE)).toEqual({ kind: 'conflict' })
    }
    expect(seen).toContain('existing')
  })

  test('by the same id for two wallets are one session and a conflict', async () => {
    await scene.give(ALICE, MINUTE)
    await scene.give(BOB, MINUTE)
    for (let round = 0; round < 10; round += 1) {
      const id = `x${round}`
      const started = await Promise.all([scene.start(id, ALICE), scene.start(id, BOB)])
      expect(started.map(({ kind }) => kind).sort()).toEqual(['conflict', 'created'])
      await scene.act('release', [id])
    }
  })
})

describe('case 43: grace cannot be farmed', () => {
  /** Starts eight GPUs on eight minutes, and runs until the session is over; for how long it was in grace. */
  async function exhaust(id: string): Promise<number> {
    expect(await scene.start(id, ALICE, 8)).toMatchObject({ kind: 'created' })
    await scene.run(60, id)
    for (let graceSeconds = 30; ; graceSeconds += 30) {
      await scene.clock.pass(30)
      const session = await scene.beatOne(id)
      if (session.state !== 'ended') continue
      expect(session.endReason).toBe('grace_exhausted')
      return graceSeconds
    }
  }

  test('by topping up: the allowance is used once, and only a deposit of the minimum refills it', async () => {
    await scene.bought(ALICE, 10_000n)
    await scene.give(ALICE, 8n * MINUTE)
    // 120 minutes of one GPU are 15 of eight.
    expect(await exhaust('s0')).toBe(900)
    for (const id of ['s1', 's2', 's3']) {
      await scene.give(ALICE, 8n * MINUTE)
      expect(await scene.start(id, ALICE, 8)).toMatchObject({ kind: 'created' })
      await scene.clock.pass(30)
      expect(await scene.beatOne(id)).toMatchObject({ state: 'running' })
      await scene.clock.pass(30)
      // At zero, and with no grace left, not a moment more.
      expect(await scene.beatOne(id)).toMatchObject({ state: 'ended', endReason: 'grace_exhausted' })
      expect((await scene.books(ALICE)).balance).toBe(0n)
    }
    await scene.deposit(ALICE, 8n * MINUTE)
    expect(await exhaust('s4')).toBe(900)
  })

  test('by leaving before the end: what was used stays used', async () => {
    await scene.bought(ALICE, 10_000n)
    for (let round = 1; round <= 3; round += 1) {
      await scene.give(ALICE, 8n * MINUTE)
      const id = `s${round}`
      await scene.start(id, ALICE, 8)
      await scene.run(60 + 240, id)
      const left = scene.limits.graceMicros - BigInt(round) * 8n * 240n * SECOND
      expect(await scene.beatOne(id)).toMatchObject({ graceLeftMicros: left / 8n })
      await scene.act('release', [id])
    }
  })

  test('by running many at once: they share the allowance, and end when it is used', async () => {
    await scene.bought(ALICE, 10_000n)
    await scene.give(ALICE, 8n * MINUTE)
    const ids = names('s', 8)
    await startAll(ids)
    await scene.run(60, ...ids)
    await scene.run(870, ...ids)
    const live = await scene.act('beat', ids)
    expect(live.map(({ state, graceLeftMicros }) => [state, graceLeftMicros])).toEqual(
      Array(8).fill(['grace', 30n * SECOND]),
    )
    await scene.clock.pass(30)
    expect(await scene.act('beat', ids)).toMatchObject(
      ids.map(() => ({ state: 'ended', endReason: 'grace_exhausted' })),
    )
    await expectBooksInOrder(ALICE)
  })
})

describe('case 44: accrual', () => {
  const HOUR_OF_100_GIB = 5n * MINUTE

  test('twice for the same hour, on two workers at once, charges each moment once', async () => {
    const workers = [scene.anotherPool(), scene.anotherPool()]
    await putVolume(scene.sql, scene.rate, { id: 'v', account: ALICE, sizeBytes: 100n * GIB })
    for (let hour = 1n; hour <= 20n; hour += 1n) {
      await scene.clock.pass(3_600)
      const charged = await Promise.all(workers.map((worker) => accrueStorage(worker, scene.rate)))
      expect(sum(charged)).toBe(HOUR_OF_100_GIB)
      expect((await scene.books(ALICE)).balance).toBe(-hour * HOUR_OF_100_GIB)
    }
    await expectBooksInOrder(ALICE)
  })

  test.each([
    ['three days down are charged once', 3 * 24, 3n * 24n],
    ['seven days down are charged in full', 7 * 24, 7n * 24n],
    ['more than seven days down are charged as seven', 30 * 24, 7n * 24n],
  ])('%s, by two workers that come up at once', async (_name, hoursDown, hoursCharged) => {
    const workers = [scene.anotherPool(), scene.anotherPool()]
    await putVolume(scene.sql, scene.rate, { id: 'v', account: ALICE, sizeBytes: 100n * GIB })
    await scene.clock.passUnheard(hoursDown * 3_600)
    const charged = await Promise.all(
      workers.flatMap((worker) => [accrueStorage(worker, scene.rate), accrueStorage(worker, scene.rate)]),
    )
    expect(sum(charged)).toBe(hoursCharged * HOUR_OF_100_GIB)
    await scene.clock.pass(3_600)
    expect(await accrueStorage(scene.sql, scene.rate)).toBe(HOUR_OF_100_GIB)
    await expectBooksInOrder(ALICE)
  })
})

describe('expiry beside heartbeats', () => {
  test('ends a silent session or bills it, never both twice', async () => {
    await scene.give(ALICE, 10_000n * MINUTE)
    const pools = [scene.anotherPool(), scene.anotherPool()] as [Sql, Sql]
    for (let round = 0; round < 20; round += 1) {
      const id = `s${round}`
      await startAll([id])
      await scene.clock.pass(120.000001)
      const answers = await Promise.all([
        ...pools.map((pool) => expireSessions(pool, scene.limits)),
        ...pools.map((pool) => scene.act('beat', [id], pool)),
        scene.act('release', [id]),
      ])
      const [session] = await scene.act('beat', [id])
      const { totalBilledMicros, endReason } = session ?? {}
      // A release before it was found silent bills for as long as any heartbeat would.
      expect([endReason, totalBilledMicros]).toEqual(
        endReason === 'released' ? ['released', 120n * SECOND] : ['heartbeat_timeout', 30n * SECOND],
      )
      expect(billed(answers.flat())).toBe(totalBilledMicros)
      const ended = (await scene.events(ALICE, ['session.ended'])).filter(({ payload }) => payload.id === id)
      expect(ended).toHaveLength(1)
    }
    await expectBooksInOrder(ALICE)
  })

  test('leaves a session alone that has beaten since it was found silent', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    await startAll(['s'])
    await scene.clock.pass(121)
    await scene.sql`update credits.session set last_beat_at = credits.metering_now() - interval '120 seconds'`
    expect(await scene.act('expire', ['s'])).toEqual([])
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running' })
  })

  test('of one session forgets nothing of another of the same account that was named with it', async () => {
    // Low stays told while the other still runs, although the expiry had found both silent.
    await scene.give(ALICE, 5n * MINUTE)
    await startAll(['a', 'b'])
    await scene.clock.pass(30)
    await scene.act('beat', ['b'])
    await scene.clock.pass(91)
    expect(await scene.act('expire', ['a', 'b'])).toMatchObject([{ id: 'a', state: 'ended', isLow: true }])
    expect(await scene.act('beat', ['b'])).toMatchObject([{ state: 'running', isLow: true }])
    expect(await scene.events(ALICE, ['balance.low'])).toHaveLength(1)
  })
})

describe('single heartbeats gathered into one statement', () => {
  test('wait up to ten thousand; beyond, a caller is told to come again, and later it may', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    await startAll(['s'])
    await scene.clock.pass(30)
    const beat = createBeats(scene.anotherPool(), scene.limits)
    const letGo = await holdMeters(ALICE)
    const first = beat('s')
    await waitForWaiting(1)
    const second = beat('s')
    await waitForWaiting(2)
    // Two groups are under way and wait for the account: all that comes now is in waiting.
    const answered = Promise.all([first, second, ...Array.from({ length: 10_000 }, () => beat('s'))])
    const refused = await Promise.all([beat('s'), beat('s')])
    expect(refused).toEqual([{ kind: 'overloaded' }, { kind: 'overloaded' }])
    await letGo()
    const sessions = (await answered).map((one) => (one.kind === 'metered' ? one.session : null))
    expect(sessions).not.toContain(null)
    // One of them bills it, whichever PostgreSQL lets in first: a later group may come between.
    const bills = sessions.map((one) => one?.billedMicros ?? 0n).filter((micros) => micros > 0n)
    expect(bills).toEqual([30n * SECOND])
    await scene.clock.pass(1)
    expect(await single(beat, 's')).toMatchObject({ billedMicros: SECOND })
  })

  test('are not kept waiting for company once there is enough of it', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    const ids = names('s', 32)
    await startAll(ids)
    await scene.clock.pass(30)
    const beat = createBeats(scene.anotherPool(), scene.limits)
    const letGo = await holdMeters(ALICE)
    // No timer has run yet when the thirty-second asks: the statement is on its way in this very turn.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const answers = Promise.all(ids.map((id) => beat(id)))
    vi.useRealTimers()
    await waitForWaiting(1)
    await letGo()
    const sessions = (await answers).map((one) => (one.kind === 'metered' ? one.session : null))
    expect(sessions.map((one) => one?.billedMicros)).toEqual(ids.map(() => 30n * SECOND))
  })

  test('fail with their own group only', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    await scene.give(BOB, 60n * MINUTE)
    await startAll(['a'])
    await startAll(['b'], BOB)
    await scene.clock.pass(30)
    const beat = createBeats(scene.anotherPool(), scene.limits)
    const letGo = await holdMeters(ALICE)
    const failing = Promise.allSettled([beat('a'), beat('a')])
    const [pid] = await waitForWaiting(1)
    expect(await single(beat, 'b')).toMatchObject({ billedMicros: 30n * SECOND })
    await scene.sql`select pg_terminate_backend(${pid ?? 0})`
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await letGo()
    // Nothing was billed for those that were told of an error, and nothing is lost: the next heartbeat bills it.
    expect(await scene.books(ALICE)).toMatchObject({ billed: 0n })
    expect(await single(beat, 'a')).toMatchObject({ billedMicros: 30n * SECOND })
    await expectBooksInOrder(ALICE, BOB)
  })

  /** Makes each commit that billed wait for the test: by an advisory lock that a deferred trigger wants. */
  async function holdCommits() {
    await scene.sql.unsafe(`
      create function public.wait_for_test() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock_shared(42); return null; end';
      create constraint trigger wait_for_test after update on credits.session
        deferrable initially deferred for each row execute function public.wait_for_test();`)
    const holder = await scene.sql.reserve()
    await holder`select pg_advisory_lock(42)`
    return async () => {
      await holder`select pg_advisory_unlock(42)`
      holder.release()
    }
  }

  test('are answered after the commit, not before', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    await startAll(['s'])
    await scene.clock.pass(30)
    const beat = createBeats(scene.anotherPool(), scene.limits)
    const letCommit = await holdCommits()
    let isAnswered = false
    const answer = single(beat, 's').finally(() => {
      isAnswered = true
    })
    await waitForWaiting(1)
    expect(isAnswered).toBe(false)
    expect(await scene.books(ALICE)).toMatchObject({ billed: 0n })
    await letCommit()
    expect(await answer).toMatchObject({ billedMicros: 30n * SECOND })
    expect(await scene.books(ALICE)).toMatchObject({ billed: 30n * SECOND })
  })

  test('whose connection is lost in the commit are told of an error, and nothing was billed', async () => {
    await scene.give(ALICE, 60n * MINUTE)
    await startAll(['s'])
    await scene.clock.pass(30)
    const beat = createBeats(scene.anotherPool(), scene.limits)
    const letCommit = await holdCommits()
    const answer = Promise.allSettled([beat('s')])
    const [pid] = await waitForWaiting(1)
    await scene.sql`select pg_terminate_backend(${pid ?? 0})`
    expect(await answer).toMatchObject([{ status: 'rejected' }])
    await letCommit()
    expect(await scene.books(ALICE)).toMatchObject({ billed: 0n })
    expect(await single(beat, 's')).toMatchObject({ billedMicros: 30n * SECOND })
  })

  test('are never answered without being billed, whenever their connections are cut', async () => {
    await scene.give(ALICE, 10_000n * MINUTE)
    const ids = names('s', 40)
    await startAll(ids)
    const beat = createBeats(scene.anotherPool(), scene.limits)
    let answered = 0
    let failed = 0
    for (let round = 0; round < 30; round += 1) {
      await scene.clock.pass(1)
      const answers = Promise.allSettled(
        ids.map(async (id) => {
          const session = await single(beat, id)
          const [row] = await scene.sql<{ total: bigint }[]>`
            select total_billed_micros as total from credits.session where id = ${id}`
          expect(row?.total).toBeGreaterThanOrEqual(session.totalBilledMicros)
        }),
      )
      for (let cut = 0; cut < 4; cut += 1)
        await scene.sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'other' and state = 'active'`
      for (const answer of await answers) {
        if (answer.status === 'fulfilled') answered += 1
        else {
          failed += 1
          expect(answer.reason).not.toHaveProperty('matcherResult')
        }
      }
    }
    expect(answered + failed).toBe(30 * ids.length)
    expect(answered).toBeGreaterThan(0)
    // Whether the answer came or not, all that time is billed once.
    await scene.act('beat', ids)
    expect(await scene.books(ALICE)).toMatchObject({ billed: 30n * BigInt(ids.length) * SECOND })
    await expectBooksInOrder(ALICE)
  })
})

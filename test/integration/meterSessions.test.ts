import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type MeterAction, meterSessions } from '../../billing/metering/meterSessions.ts'
import { postUsage } from '../../billing/metering/postUsage.ts'
import { readAccount } from '../../billing/metering/readAccount.ts'
import { createMeterScene, limits, type MeterScene } from '../support/createMeterScene.ts'

const ALICE = `0x${'a1'.repeat(20)}` as const
const MINUTE = 60_000_000n

let scene: MeterScene
let database: MeterScene['database']
let clock: MeterScene['clock']
beforeEach(async () => {
  scene = await createMeterScene()
  ;({ database, clock } = scene)
})
afterEach(() => scene.stop())

const give = (minutes: bigint, wallet: `0x${string}` = ALICE) => scene.give(wallet, minutes * MINUTE)
const start = (id: string, gpus = 1, account: `0x${string}` = ALICE) => scene.start(id, account, gpus)

async function act(action: MeterAction, ...ids: string[]) {
  const sessions = await meterSessions(database.sql, limits, ids, action)
  const [first] = sessions
  if (first === undefined) throw new Error('nothing was metered')
  return first
}

const beat = (...ids: string[]) => act('beat', ...ids)
const balance = async () => (await readAccount(database.sql, limits, ALICE)).balanceMicros

const run = (seconds: number, ...ids: string[]) => scene.run(seconds, ...ids)

describe('what time costs', () => {
  test.each([
    ['500 s on 4 GPUs are 33.333333 minutes', 500, 4, 2_000_000_000n],
    ['10 minutes on 2 GPUs are 20', 600, 2, 20n * MINUTE],
    ['a microsecond on 1 GPU is one', 0.000001, 1, 1n],
  ])('%s', async (_name, seconds, gpus, micros) => {
    await give(1_000n)
    await start('s', gpus)
    await run(seconds, 's')
    expect(await balance()).toBe(1_000n * MINUTE - micros)
    const released = await act('release', 's')
    expect(released).toMatchObject({ state: 'ended', endReason: 'released', totalBilledMicros: micros })
    expect((await act('release', 's')).billedMicros).toBe(0n)
  })

  test('the balance is right between two heartbeats too', async () => {
    await give(60n)
    await start('s', 2)
    await clock.pass(15)
    const account = await readAccount(database.sql, limits, ALICE)
    expect(account).toMatchObject({
      balanceMicros: 60n * MINUTE - 30_000_000n,
      burnMicrosPerMinute: 2n * MINUTE,
    })
    expect((account.runsOutAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(29 * 60_000)
  })

  test('a repeated heartbeat bills nothing', async () => {
    await give(60n)
    await start('s')
    await clock.pass(30)
    expect((await beat('s')).billedMicros).toBe(30_000_000n)
    expect((await beat('s')).billedMicros).toBe(0n)
  })
})

describe('silence', () => {
  test('for the timeout is billed and ends nothing', async () => {
    await give(60n)
    await start('s')
    await clock.pass(120)
    expect(await beat('s')).toMatchObject({ state: 'running', billedMicros: 120_000_000n })
  })

  test('for longer ends the session, billed for one interval after its last beat', async () => {
    await give(60n)
    await start('s')
    await run(60, 's')
    await clock.pass(120.000001)
    expect(await beat('s')).toMatchObject({
      state: 'ended',
      endReason: 'heartbeat_timeout',
      billedMicros: 30_000_000n,
    })
    expect(await balance()).toBe(60n * MINUTE - 90_000_000n)
  })

  test('that was ours ends nothing and is billed up to the timeout', async () => {
    await give(60n)
    await start('s')
    await clock.passUnheard(10_000)
    expect(await meterSessions(database.sql, limits, ['s'], 'expire')).toEqual([])
    expect(await beat('s')).toMatchObject({ state: 'running', billedMicros: 120_000_000n })
  })
})

test.each([3_600, -3_600])('a clock that jumps by %i seconds bills nobody', async (seconds) => {
  await give(60n)
  await start('s')
  await run(30, 's')
  const before = await clock.now()
  await clock.jump(seconds)
  expect(await beat('s')).toMatchObject({ state: 'running', billedMicros: 0n })
  expect(await meterSessions(database.sql, limits, ['s'], 'expire')).toEqual([])
  // The next tick knows by its own clock that one second went by.
  await clock.jump(1)
  await database.sql`select credits.tick(${before}, 1000000)`
  expect(await beat('s')).toMatchObject({ state: 'running', billedMicros: 1_000_000n })
  expect(await balance()).toBe(60n * MINUTE - 31_000_000n)
})

describe('at zero', () => {
  test('a session enters grace unbilled, and ends when the allowance is used', async () => {
    await scene.bought(ALICE, 1_200n)
    await give(1n)
    await start('s')
    await run(60, 's')
    const [spent] = await meterSessions(database.sql, limits, ['s'], 'beat')
    expect(spent).toMatchObject({ state: 'grace', balanceMicros: 0n, graceLeftMicros: 7_200_000_000n })
    await run(7_170, 's')
    expect(await beat('s')).toMatchObject({ state: 'grace', graceLeftMicros: 30_000_000n })
    await run(30, 's')
    expect(await beat('s')).toMatchObject({ state: 'ended', endReason: 'grace_exhausted' })
    expect(await balance()).toBe(0n)
  })

  test('an adjustment resumes it; grace that was used stays used', async () => {
    await scene.bought(ALICE, 1_200n)
    await give(1n)
    await start('s')
    await run(120, 's')
    await give(1n)
    await clock.pass(30)
    expect(await beat('s')).toMatchObject({
      state: 'running',
      billedMicros: 30_000_000n,
      graceLeftMicros: null,
    })
    await clock.pass(30)
    expect(await beat('s')).toMatchObject({ state: 'grace', graceLeftMicros: 7_140_000_000n })
  })

  test('a top-up burns from its moment on, before the next heartbeat says so', async () => {
    await scene.bought(ALICE, 1_200n)
    await give(2n)
    await start('s', 2)
    await run(60, 's')
    const read = () => readAccount(database.sql, limits, ALICE)
    expect(await read()).toMatchObject({
      balanceMicros: 0n,
      burnMicrosPerMinute: 0n,
      runsOutAt: null,
      graceRemainingSeconds: 3_600,
    })
    await give(10n)
    await clock.pass(15)
    expect(await read()).toMatchObject({
      balanceMicros: 10n * MINUTE - 30_000_000n,
      burnMicrosPerMinute: 2n * MINUTE,
      runsOutAt: expect.any(Date),
      low: true,
      graceRemainingSeconds: null,
    })
    // Four minutes less what is used of them already do not start another two GPUs.
    await give(-6n)
    expect(await start('t', 2)).toEqual({ kind: 'insufficient_credit' })
    expect(await beat('s')).toMatchObject({ billedMicros: 30_000_000n, state: 'running' })
  })

  test('a deposit ends it at its moment: what ran in grace before stays unbilled', async () => {
    await scene.bought(ALICE, 1_200n)
    await give(2n)
    await start('s', 2)
    await run(60, 's')
    await clock.pass(20)
    await scene.deposit(ALICE, 10n * MINUTE)
    await clock.pass(10)
    expect(await readAccount(database.sql, limits, ALICE)).toMatchObject({
      balanceMicros: 10n * MINUTE - 20_000_000n,
    })
    expect(await beat('s')).toMatchObject({
      state: 'running',
      billedMicros: 20_000_000n,
    })
  })

  test('a hundred sessions share what is left to the last micro', async () => {
    await scene.bought(ALICE, 1_200n)
    await give(100n)
    const ids = Array.from({ length: 100 }, (_, n) => `s${n}`)
    for (const id of ids) await start(id)
    await clock.pass(30)
    const sessions = await meterSessions(database.sql, limits, ids, 'beat')
    expect(sessions.reduce((sum, { billedMicros }) => sum + billedMicros, 0n)).toBe(50n * MINUTE)
    await clock.pass(60)
    const spent = await meterSessions(database.sql, limits, ids, 'beat')
    expect(spent.reduce((sum, { billedMicros }) => sum + billedMicros, 0n)).toBe(50n * MINUTE)
    expect(spent.every(({ state }) => state === 'grace')).toBe(true)
    expect(await balance()).toBe(0n)
  })
})

test('usage becomes one entry a session and hour, and the balance does not change by it', async () => {
  await give(1_000n)
  await start('s')
  await start('t', 2)
  await run(5_400, 's', 't')
  const before = await balance()
  await act('release', 't')
  expect(await postUsage(database.sql)).toBe(2)
  expect(await balance()).toBe(before)
  await run(3_600, 's')
  expect(await postUsage(database.sql)).toBe(2)
  const entries = await database.sql<{ reference: string; micros: bigint }[]>`
    select reference, micros from credits.ledger_entry where kind = 'usage' order by id`
  // A heartbeat counts in the hour in which it comes: that of one o'clock sharp is in the second.
  expect(entries.map((row) => ({ ...row }))).toEqual([
    { reference: 'usage:s:2026-01-01T00Z', micros: -3_570_000_000n },
    { reference: 'usage:t:2026-01-01T00Z', micros: -7_140_000_000n },
    { reference: 'usage:s:2026-01-01T01Z', micros: -3_600_000_000n },
    { reference: 'usage:t:2026-01-01T01Z', micros: -3_660_000_000n },
  ])
  expect(await postUsage(database.sql)).toBe(0)
})

describe('starting', () => {
  test('needs a minute of it and of all that run, in credit that is not used yet', async () => {
    expect(await start('s')).toEqual({ kind: 'insufficient_credit' })
    await give(5n)
    expect(await start('s', 4)).toMatchObject({ kind: 'created', session: { gpus: 4, state: 'running' } })
    expect(await start('t', 1)).toMatchObject({ kind: 'created' })
    expect(await start('u', 1)).toEqual({ kind: 'insufficient_credit' })
    await clock.pass(1)
    expect(await start('s', 4)).toMatchObject({ kind: 'existing' })
    expect(await start('s', 2)).toEqual({ kind: 'conflict' })
  })

  test('at the same instant on credit for one starts one', async () => {
    await give(1n)
    const started = await Promise.all(['a', 'b', 'c', 'd'].map((id) => start(id)))
    expect(started.map(({ kind }) => kind).sort()).toEqual([
      'created',
      'insufficient_credit',
      'insufficient_credit',
      'insufficient_credit',
    ])
  })
})

test('who has no grace left is told too that the balance has run out, once', async () => {
  await scene.bought(ALICE, 1_200n)
  await give(1n)
  await start('s')
  await run(60 + 7_200, 's')
  await give(2n)
  await start('t')
  await start('u')
  await run(60, 't', 'u')
  const events = await database.sql<{ kind: string }[]>`
    select kind from credits.outbox_event where kind not like 'deposit.%' and kind <> 'session.started' order by id`
  expect(events.map(({ kind }) => kind)).toEqual([
    'balance.low',
    'balance.exhausted',
    'session.grace',
    'session.ended',
    'balance.low',
    'balance.exhausted',
    'session.ended',
    'session.ended',
  ])
})

test('what is told: started, low once, exhausted, grace, resumed, ended', async () => {
  await scene.bought(ALICE, 1_200n)
  await give(12n)
  await start('s')
  await run(780, 's')
  await give(60n)
  await run(60, 's')
  await act('release', 's')
  const events = await database.sql<{ kind: string; payload: Record<string, unknown> }[]>`
    select kind, payload from credits.outbox_event where kind not like 'deposit.%' order by id`
  expect(events.map(({ kind }) => kind)).toEqual([
    'session.started',
    'balance.low',
    'balance.exhausted',
    'session.grace',
    'session.resumed',
    'session.ended',
  ])
  expect(events.at(-2)?.payload).toMatchObject({ id: 's', state: 'running', endReason: null })
})

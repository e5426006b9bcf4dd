import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accrueStorage } from '../../billing/metering/accrueStorage.ts'
import { expireSessions, vouchForDowntime } from '../../billing/metering/runMetering.ts'
import { deleteVolume, putVolume } from '../../billing/metering/volumes.ts'
import { createMeterScene, limits, type MeterScene } from '../support/createMeterScene.ts'
import { readDifferences } from '../support/readDifferences.ts'

// Goal: a clock that jumped while no process ran bills nobody, and time that really passed is billed once, by whatever way
// the service hears of it. Method: the machine's clock and the time that really passes are told apart; the chain's newest
// block says the one, the database's clock the other.

const ALICE = `0x${'a1'.repeat(20)}` as const
const BOB = `0x${'b0'.repeat(20)}` as const
const SECOND = 1_000_000n
const MINUTE = 60n * SECOND
const GIB = 1n << 30n
const HOUR = 3_600
const DAY = 24 * HOUR
/** What 100 GiB cost for an hour. */
const HOUR_OF_100_GIB = 5n * MINUTE
const micros = (seconds: number) => (HOUR_OF_100_GIB * BigInt(seconds)) / BigInt(HOUR)

let scene: MeterScene
/** Seconds that really passed since the scene began at 2026-01-01T00:00:00Z. */
let real: number
beforeEach(async () => {
  scene = await createMeterScene()
  real = 0
  await block(1)
})
afterEach(async () => {
  const differences = await readDifferences(scene.sql)
  await scene.stop()
  expect(differences.filter(({ rule }) => rule !== 'clock-is-ahead')).toEqual([])
})

/** The gate has read a head of a chain, as old as told. */
async function block(chainId: number, { age = 0 }: { age?: number } = {}) {
  const at = new Date(Date.UTC(2026, 0, 1) + (real - age) * 1_000)
  await scene.sql`
    insert into credits.chain_status as s
      (chain_id, head_number, head_hash, head_timestamp, head_changed_at, finalized_number, passed_at)
    values (${chainId}, 1, '0x1', ${at}, now(), 1, now())
    on conflict (chain_id) do update set head_timestamp = excluded.head_timestamp`
}

async function pass(seconds: number) {
  await scene.clock.pass(seconds)
  real += seconds
}

/** All processes are down for a while, in which the machine's clock jumps; then one starts. */
async function down(seconds: number, { jump = 0 }: { jump?: number } = {}) {
  await scene.clock.jump(seconds + jump)
  real += seconds
  await scene.sql`select credits.tick(null, 0)`
}

/** A process that ticked a second ago finds that the machine's clock was set to another time. */
async function correct(seconds: number) {
  const [row] = await scene.sql<{ seen: Date }[]>`
    select alive_at - vouched_micros * interval '1 microsecond' as seen from credits.metering_clock`
  await scene.clock.jump(seconds + 1)
  real += 1
  await scene.sql`select credits.tick(${row?.seen ?? null}::timestamptz, 1000000)`
}

const vouch = (...chainIds: number[]) => vouchForDowntime(scene.sql, chainIds.length === 0 ? [1] : chainIds)
const accrue = () => accrueStorage(scene.sql, scene.rate)
const put = (id: string, gib = 100n, account: `0x${string}` = BOB) =>
  putVolume(scene.sql, scene.rate, { id, account, sizeBytes: gib * GIB })

describe('the clock goes on from the latest moment that it gave out, which is later than the last tick', () => {
  test.each([
    ['a downtime', 600, 0],
    ['a clock that was set back', 600, -2 * HOUR],
    ['a clock that was set ahead', 600, 30 * DAY],
  ])('%s right after a session began and was billed', async (_what, seconds, jump) => {
    await scene.deposit(ALICE, 600n * MINUTE)
    await scene.start('before', ALICE, 2)
    await pass(10)
    // No tick from here on.
    await scene.clock.jump(1.5)
    real += 1.5
    await scene.start('late', ALICE, 1)
    await put('v', 100n, BOB)
    await scene.clock.jump(0.4)
    real += 0.4
    await scene.act('beat', ['before', 'late'])
    const [before] = await scene.sql<{ at: Date }[]>`select max(last_beat_at) as at from credits.session`
    await down(seconds, { jump })
    expect((await scene.clock.now()).getTime()).toBeGreaterThanOrEqual(before?.at.getTime() ?? 0)
    expect(await scene.act('beat', ['before', 'late'])).toMatchObject([
      { billedMicros: 0n },
      { billedMicros: 0n },
    ])
    await block(1)
    await vouch()
    await scene.act('release', ['before', 'late'])
    const late = await scene.sql<{ inOrder: boolean; began: boolean }[]>`
      select started_at <= last_beat_at and last_beat_at <= billed_through and billed_through <= ended_at as "inOrder",
        started_at < '2026-01-01T00:01:00Z' as began
      from credits.session`
    expect(late.map((row) => ({ ...row }))).toEqual([
      { inOrder: true, began: true },
      { inOrder: true, began: true },
    ])
  })
})

describe('a clock that jumped while nobody ran bills nobody', () => {
  test.each([
    ['30 days ahead', 30 * DAY],
    ['7 days ahead', 7 * DAY],
    ['three hours ahead', 3 * HOUR],
    ['two minutes ahead', 120],
    ['a year ahead', 365 * DAY],
    ['three hours back', -3 * HOUR],
    ['a year back', -365 * DAY],
  ])('%s', async (_name, jump) => {
    await put('v')
    await scene.give(ALICE, 600n * MINUTE)
    await scene.start('s', ALICE)
    await down(0, { jump })
    for (let round = 0; round < 3; round += 1) {
      await block(1)
      await vouch()
      await accrue()
      expect(await expireSessions(scene.sql, limits)).toEqual([])
      expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 0n })
    }
    expect((await scene.books(BOB)).balance).toBe(0n)
    // From here on as ever, by the time that passes.
    await pass(60)
    expect(await accrue()).toBe(micros(60))
    expect(await scene.beatOne('s')).toMatchObject({ billedMicros: 60n * SECOND })
  })

  test('of a real downtime beside it only that is billed, as far as the newest block says', async () => {
    await put('v')
    await down(14 * HOUR, { jump: 30 * DAY })
    await block(1, { age: 12 })
    await vouch()
    await accrue()
    expect((await scene.books(BOB)).balance).toBe(-micros(14 * HOUR - 12))
    expect(await vouch()).toBe(0n)
    expect(await accrue()).toBe(0n)
  })

  test('one that is set right again by the machine, with the service running, has nothing left that waits', async () => {
    await put('v')
    await down(0, { jump: 30 * DAY })
    await vouch()
    await correct(-30 * DAY)
    await block(1)
    await vouch()
    expect(await accrue()).toBe(micros(1))
    const [clock] = await scene.sql`select gap_micros as gap, gap_at as at from credits.metering_clock`
    expect({ ...clock }).toEqual({ gap: 0n, at: null })
  })

  test.each([30 * DAY, -30 * DAY])(
    'by %i s, and set right while down once more, bills what was really down',
    async (jump) => {
      await put('v')
      await down(2 * HOUR, { jump })
      await pass(60)
      await down(3 * HOUR, { jump: -jump })
      await block(1)
      await vouch()
      await accrue()
      expect((await scene.books(BOB)).balance).toBe(-micros(5 * HOUR + 60))
    },
  )
})

describe('time that really passed while nobody ran', () => {
  test('is billed once: three days, whoever looks and however often', async () => {
    await put('v')
    await pass(HOUR)
    await accrue()
    await down(3 * DAY)
    expect(await accrue()).toBe(0n)
    await block(1)
    const pool = scene.anotherPool()
    await Promise.all([vouch(), vouchForDowntime(pool, [1]), vouch(), vouchForDowntime(pool, [1])])
    await Promise.all([accrue(), accrueStorage(pool, scene.rate), accrue()])
    expect((await scene.books(BOB)).balance).toBe(-micros(3 * DAY + HOUR))
    expect(await scene.clock.now()).toEqual(new Date(Date.UTC(2026, 0, 1) + real * 1_000))
  })

  test('waits, with no RPC, for days and over restarts, and is billed when a chain vouches for it', async () => {
    await put('v')
    await down(2 * DAY)
    await vouch()
    await pass(DAY)
    await vouch()
    expect(await accrue()).toBe(micros(DAY))
    await down(HOUR)
    await pass(60)
    await vouch()
    expect(await accrue()).toBe(micros(60))
    await block(1)
    await vouch()
    expect(await accrue()).toBe(micros(2 * DAY + HOUR))
  })

  test('is billed for a week at most', async () => {
    await put('v')
    await down(10 * DAY)
    await block(1)
    await vouch()
    expect(await accrue()).toBe(micros(7 * DAY))
  })

  test('is not asked of chains while processes tick: one that halted, or none, stops no billing', async () => {
    await put('v')
    await scene.give(ALICE, 600n * MINUTE)
    await scene.start('s', ALICE)
    await scene.sql`delete from credits.chain_status`
    for (let n = 0; n < 10; n += 1) {
      await pass(30)
      await vouch()
      expect(await scene.beatOne('s')).toMatchObject({ billedMicros: 30n * SECOND })
    }
    expect(await accrue()).toBe(micros(300))
  })

  test('of less than a minute is nobody’s: the clock catches up, and bills none of it', async () => {
    await put('v')
    await scene.give(ALICE, 600n * MINUTE)
    await scene.start('s', ALICE)
    await down(40)
    await vouch()
    expect(await scene.clock.now()).toEqual(new Date(Date.UTC(2026, 0, 1, 0, 0, 40)))
    expect(await accrue()).toBe(0n)
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 0n })
  })

  test('is what the clock of a restored backup finds: the hours since it was made, once', async () => {
    await put('v')
    await pass(HOUR)
    await accrue()
    const kept = await scene.sql`select * from credits.metering_clock`
    expect(kept).toHaveLength(1)
    // The service runs on for five hours; then the database of that moment is put back.
    await scene.clock.jump(5 * HOUR)
    real += 5 * HOUR
    await down(600)
    await block(1)
    await vouch()
    await accrue()
    expect((await scene.books(BOB)).balance).toBe(-micros(6 * HOUR + 600))
  })
})

describe('of several chains', () => {
  beforeEach(() => put('v'))

  test('one whose block is dated ahead does not decide', async () => {
    await down(HOUR, { jump: 30 * DAY })
    await block(1)
    await block(2, { age: -30 * DAY })
    await vouch(1, 2)
    expect(await accrue()).toBe(micros(HOUR))
  })

  test('one that halted does not hold up two others, and holds up one', async () => {
    await down(2 * DAY)
    await block(2, { age: 2 * DAY })
    await block(3)
    await vouch(2, 3)
    expect(await accrue()).toBe(0n)
    await block(1)
    await vouch(1, 2, 3)
    expect(await accrue()).toBe(micros(2 * DAY))
  })

  test('one that is no longer configured says nothing', async () => {
    await down(HOUR, { jump: 30 * DAY })
    await block(9, { age: -30 * DAY })
    await block(8, { age: -30 * DAY })
    await block(1)
    await vouch(1)
    expect(await accrue()).toBe(micros(HOUR))
  })

  test('of two, one of which was never read, none decides', async () => {
    await down(HOUR, { jump: 30 * DAY })
    await block(1)
    await vouch(1, 2)
    expect(await accrue()).toBe(0n)
  })
})

describe('what began or changed between the start and the first block', () => {
  test('owes nothing for the downtime: a session, a volume, another size, another owner', async () => {
    await scene.give(ALICE, 600n * MINUTE)
    await put('grown', 1n)
    await put('moved')
    await down(3 * DAY)
    await pass(10)
    await scene.start('s', ALICE)
    await put('new')
    await put('grown', 1_000n)
    await deleteVolume(scene.sql, scene.rate, 'moved')
    await put('moved', 100n, ALICE)
    await block(1)
    await vouch()
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 0n })
    const sum = await accrue()
    // 10 seconds of the 1 GiB were billed when its size changed, and of the one that moved when it was deleted.
    expect(sum).toBe(0n)
    expect(await expireSessions(scene.sql, limits)).toEqual([])
    await pass(60)
    expect(await scene.beatOne('s')).toMatchObject({ billedMicros: 60n * SECOND })
  })

  test('volumes are billed for the downtime although their owner runs a session since', async () => {
    await scene.give(BOB, 6_000n * MINUTE)
    await put('v')
    await down(3 * DAY)
    await pass(10)
    await scene.start('s', BOB)
    await pass(10)
    await block(1)
    await vouch()
    expect(await accrue()).toBe(micros(3 * DAY + 10))
    await scene.act('release', ['s'])
    await pass(60)
    expect(await accrue()).toBe(micros(60))
  })

  test('volumes are not billed for it where a session ran into it, although that has ended since', async () => {
    await scene.give(BOB, 6_000n * MINUTE)
    await put('v')
    await scene.start('s', BOB)
    await pass(30)
    await scene.beatOne('s')
    await down(3 * DAY)
    await pass(10)
    await scene.act('release', ['s'])
    await pass(20)
    await block(1)
    await vouch()
    expect(await accrue()).toBe(micros(20))
  })

  test('a session from before is billed up to the timeout, as after any downtime of ours, and is not ended', async () => {
    await scene.give(ALICE, 600n * MINUTE)
    await scene.start('s', ALICE)
    await down(3 * DAY)
    await block(1)
    await vouch()
    expect(await expireSessions(scene.sql, limits)).toEqual([])
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 120n * SECOND })
  })

  test('a process that ticked before the clock moved does not take that for a jump', async () => {
    await put('v')
    await down(3 * DAY)
    const [first] = await scene.sql<{ seen: Date }[]>`select credits.tick(null, 0) as seen`
    await block(1)
    await vouch()
    await scene.clock.jump(1)
    real += 1
    await scene.sql`select credits.tick(${first?.seen ?? null}::timestamptz, 1000000)`
    expect(await scene.clock.now()).toEqual(new Date(Date.UTC(2026, 0, 1) + real * 1_000))
    expect(await accrue()).toBe(micros(3 * DAY + 1))
  })
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accrueStorage } from '../../billing/metering/accrueStorage.ts'
import { postUsage } from '../../billing/metering/postUsage.ts'
import { deleteVolume, putVolume, readVolume } from '../../billing/metering/volumes.ts'
import { createMeterScene, type MeterScene } from '../support/createMeterScene.ts'

const ALICE = `0x${'a1'.repeat(20)}` as const
const BOB = `0x${'b0'.repeat(20)}` as const
const MINUTE = 60_000_000n
const GIB = 1n << 30n
const HOUR = 3_600
/** What 100 GiB cost for an hour: 100 × 0.05 minutes. */
const HOUR_OF_100_GIB = 5n * MINUTE

let scene: MeterScene
beforeEach(async () => {
  scene = await createMeterScene()
})
afterEach(() => scene.stop())

const put = (id: string, sizeBytes: bigint, account: `0x${string}` = ALICE) =>
  putVolume(scene.sql, scene.rate, { id, account, sizeBytes })
const accrue = () => accrueStorage(scene.sql, scene.rate)
const balance = async (account: `0x${string}` = ALICE) => (await scene.books(account)).balance

async function read(id: string) {
  const volume = await readVolume(scene.sql, scene.rate, id)
  if (volume === null) throw new Error(`there is no volume ${id}`)
  return volume
}

describe('what storing costs', () => {
  test('100 GiB for an hour offline are 5 minutes, to the micro', async () => {
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR)
    expect(await accrue()).toBe(HOUR_OF_100_GIB)
    expect(await accrue()).toBe(0n)
    expect(await balance()).toBe(-HOUR_OF_100_GIB)
    expect(await read('v')).toMatchObject({ totalBilledMicros: HOUR_OF_100_GIB, state: 'active' })
  })

  test('nothing for the hours in which a session ran, and all of those before and after', async () => {
    await scene.give(ALICE, 600n * MINUTE)
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR)
    await scene.start('s', ALICE)
    await scene.run(2 * HOUR, 's')
    expect(await accrue()).toBe(HOUR_OF_100_GIB)
    await scene.act('release', ['s'])
    expect(await accrue()).toBe(0n)
    await scene.clock.pass(HOUR)
    expect(await accrue()).toBe(HOUR_OF_100_GIB)
    expect(await balance()).toBe(600n * MINUTE - 120n * MINUTE - 2n * HOUR_OF_100_GIB)
  })

  test('nothing for the time in which a session was in grace', async () => {
    await scene.bought(ALICE, 1_200n)
    await scene.give(ALICE, MINUTE)
    await put('v', 100n * GIB)
    await scene.start('s', ALICE)
    await scene.run(60 + HOUR, 's')
    expect(await scene.beatOne('s')).toMatchObject({ state: 'grace' })
    expect(await accrue()).toBe(0n)
    await scene.act('release', ['s'])
    await scene.clock.pass(HOUR)
    expect(await accrue()).toBe(HOUR_OF_100_GIB)
    expect(await balance()).toBe(-HOUR_OF_100_GIB)
  })

  test('a session of somebody else spares nobody', async () => {
    await scene.give(BOB, 600n * MINUTE)
    await put('v', 100n * GIB)
    await scene.start('b', BOB)
    await scene.run(HOUR, 'b')
    expect(await accrue()).toBe(HOUR_OF_100_GIB)
    expect(await balance()).toBe(-HOUR_OF_100_GIB)
  })

  test('accrual every second and accrual once an hour come to the same micro', async () => {
    // 3 bytes more than 7 GiB: not a whole number of micros for any second, nor for the hour.
    const size = 7n * GIB + 3n
    await put('often', size, ALICE)
    await put('seldom', size, BOB)
    for (let second = 0; second < HOUR / 4; second += 1) {
      await scene.clock.pass(1)
      await scene.sql`
        select credits.accrue_storage(array[${ALICE}::text], 3000000, 1, 604800000000, ${scene.rate.debtLimitMicros})`
    }
    await scene.clock.pass((HOUR / 4) * 3)
    await accrue()
    const expected = (3_000_000n * size) / GIB
    expect((await read('often')).totalBilledMicros).toBe(expected)
    expect((await read('seldom')).totalBilledMicros).toBe(expected)
  })

  test('a volume of one byte loses nothing to rounding in a year of odd hours', async () => {
    await put('v', 1n)
    const year = 365n * 24n * 3_600n
    let left = year
    for (let step = 0n; left > 0n; step += 1n) {
      // Between five and seven days: more than seven would be a downtime that is charged only in part.
      const passed = 432_000n + ((step * 7_919n) % 172_801n)
      await scene.clock.pass(Number(passed < left ? passed : left))
      left -= passed
      await accrue()
    }
    expect((await read('v')).totalBilledMicros).toBe((3_000_000n * year) / (3_600n * GIB))
    // So little that it would all have been lost, had each step been floored.
    expect((await read('v')).totalBilledMicros).toBe(24n)
  })

  test('a rate that is no whole number of micros is exact too', async () => {
    const rate = { ...scene.rate, microsPerGibHour: { numerator: 10n, denominator: 7n } }
    await putVolume(scene.sql, rate, { id: 'v', account: ALICE, sizeBytes: GIB })
    for (let hour = 0; hour < 7; hour += 1) {
      await scene.clock.pass(HOUR)
      await accrueStorage(scene.sql, rate)
    }
    expect((await read('v')).totalBilledMicros).toBe(10n)
  })

  test('the greatest size there is, for a week, is a number still', async () => {
    await put('v', 2n ** 63n - 1n)
    await scene.clock.pass(168 * HOUR)
    expect(await accrue()).toBe(((2n ** 63n - 1n) * 3_000_000n * 168n) / GIB)
    expect(await read('v')).toMatchObject({ state: 'prune_due' })
  })

  test('sizes that are no number together keep nobody else from being billed', async () => {
    for (const id of ['a', 'b', 'c']) await put(id, 2n ** 63n - 1n)
    await put('v', 100n * GIB, BOB)
    await scene.clock.pass(168 * HOUR)
    expect(await accrue()).toBe(168n * HOUR_OF_100_GIB)
    expect(await read('v')).toMatchObject({ totalBilledMicros: 168n * HOUR_OF_100_GIB })
  })
})

test('a debt that no number holds keeps nobody from correcting a size, nor from deleting', async () => {
  // As a desktop service at fault would report them. The account is billed no more; everything else goes on.
  for (const id of ['a', 'b', 'c']) await put(id, 2n ** 63n - 1n)
  await scene.clock.pass(168 * HOUR)
  expect(await accrue()).toBe(0n)
  expect(await put('a', GIB)).toMatchObject({ kind: 'stored', volume: { sizeBytes: GIB } })
  expect(await deleteVolume(scene.sql, scene.rate, 'b')).toMatchObject({ deletedAt: expect.any(Date) })
  expect(await put('c', 0n)).toMatchObject({ kind: 'stored', volume: { sizeBytes: 0n } })
  await scene.clock.pass(HOUR)
  expect(await accrue()).toBe(HOUR_OF_100_GIB / 100n)
  expect(await balance()).toBeLessThan(0n)
})

describe('a report', () => {
  test('of another size in the middle of an hour is billed by the size of each half', async () => {
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR / 2)
    expect(await put('v', 300n * GIB)).toMatchObject({
      kind: 'stored',
      volume: { sizeBytes: 300n * GIB, totalBilledMicros: HOUR_OF_100_GIB / 2n },
    })
    await scene.clock.pass(HOUR / 2)
    expect(await accrue()).toBe((HOUR_OF_100_GIB * 3n) / 2n)
  })

  test('of the same again changes nothing', async () => {
    await put('v', 100n * GIB)
    const again = await put('v', 100n * GIB)
    await scene.clock.pass(HOUR)
    await put('v', 100n * GIB)
    await put('v', 100n * GIB)
    expect(again).toMatchObject({ kind: 'stored', volume: { totalBilledMicros: 0n } })
    expect(await read('v')).toMatchObject({ totalBilledMicros: HOUR_OF_100_GIB })
  })

  test('of nothing stored costs nothing, and what comes later only from then on', async () => {
    await put('v', 0n)
    await scene.clock.pass(100 * HOUR)
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR)
    await accrue()
    expect((await read('v')).totalBilledMicros).toBe(HOUR_OF_100_GIB)
  })

  test('while a session runs bills neither before nor for the session', async () => {
    await scene.give(ALICE, 600n * MINUTE)
    await scene.start('s', ALICE)
    await scene.run(HOUR, 's')
    await put('v', 100n * GIB)
    await scene.run(HOUR, 's')
    await scene.act('release', ['s'])
    await scene.clock.pass(HOUR)
    await accrue()
    expect((await read('v')).totalBilledMicros).toBe(HOUR_OF_100_GIB)
  })

  test('by another wallet is refused while the volume is stored', async () => {
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR)
    expect(await put('v', GIB, BOB)).toEqual({ kind: 'conflict' })
    await accrue()
    expect(await read('v')).toMatchObject({ account: ALICE, totalBilledMicros: HOUR_OF_100_GIB })
    expect(await balance(BOB)).toBe(0n)
  })
})

describe('a deletion', () => {
  test('bills to its own moment, once, and nothing after', async () => {
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR / 2)
    const deleted = await deleteVolume(scene.sql, scene.rate, 'v')
    expect(deleted).toMatchObject({ totalBilledMicros: HOUR_OF_100_GIB / 2n })
    expect(deleted?.deletedAt).toEqual(await scene.clock.now())
    await scene.clock.pass(HOUR)
    expect(await deleteVolume(scene.sql, scene.rate, 'v')).toEqual(deleted)
    expect(await accrue()).toBe(0n)
    expect(await balance()).toBe(-HOUR_OF_100_GIB / 2n)
  })

  test('of what was never reported is null', async () => {
    expect(await deleteVolume(scene.sql, scene.rate, 'v')).toBeNull()
  })

  test('lets another wallet have the id, which pays from then on only', async () => {
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR / 2)
    await deleteVolume(scene.sql, scene.rate, 'v')
    await scene.clock.pass(100 * HOUR)
    expect(await put('v', 200n * GIB, BOB)).toMatchObject({
      kind: 'stored',
      volume: { account: BOB, sizeBytes: 200n * GIB, deletedAt: null },
    })
    await scene.clock.pass(HOUR / 2)
    await accrue()
    expect(await balance(ALICE)).toBe(-HOUR_OF_100_GIB / 2n)
    expect(await balance(BOB)).toBe(-HOUR_OF_100_GIB)
    // Both used the id within one hour or other: each has entries of its own.
    await scene.clock.pass(2 * HOUR)
    await postUsage(scene.sql)
    const entries = await scene.sql<{ account: string; kind: string; micros: bigint }[]>`
      select account, kind, micros from credits.ledger_entry order by account`
    expect(entries.map((row) => ({ ...row }))).toEqual([
      { account: ALICE, kind: 'storage', micros: -HOUR_OF_100_GIB / 2n },
      { account: BOB, kind: 'storage', micros: -HOUR_OF_100_GIB },
    ])
  })

  test('and the same id within one hour for two wallets are two entries', async () => {
    await put('v', 100n * GIB)
    await scene.clock.pass(600)
    await deleteVolume(scene.sql, scene.rate, 'v')
    await put('v', 100n * GIB, BOB)
    await scene.clock.pass(600)
    await deleteVolume(scene.sql, scene.rate, 'v')
    await scene.clock.pass(2 * HOUR)
    expect(await postUsage(scene.sql)).toBe(2)
    expect(await balance(ALICE)).toBe(-HOUR_OF_100_GIB / 6n)
    expect(await balance(BOB)).toBe(-HOUR_OF_100_GIB / 6n)
  })
})

describe('debt', () => {
  /** 200 GiB cost 10 minutes an hour: the limit of 1440 minutes is reached after 144 hours. */
  const hours = async (count: number) => {
    for (let hour = 0; hour < count; hour += 1) {
      await scene.clock.pass(HOUR)
      await accrue()
    }
  }
  const told = async (account: `0x${string}` = ALICE) =>
    (await scene.events(account, ['volume.debt_warning', 'volume.prune_due'])).map(
      ({ kind, payload }) => `${payload.id} ${kind.slice('volume.'.length)} ${payload.debtPercent}`,
    )
  const warned = ['v debt_warning 50', 'v debt_warning 80', 'v prune_due 100']

  test('is told at 50, 80 and 100 percent, once each', async () => {
    await put('v', 200n * GIB)
    await hours(71)
    expect(await told()).toEqual([])
    await hours(1)
    expect(await told()).toEqual(warned.slice(0, 1))
    expect(await read('v')).toMatchObject({ state: 'warned' })
    await hours(43)
    expect(await told()).toEqual(warned.slice(0, 1))
    await hours(1)
    expect(await told()).toEqual(warned.slice(0, 2))
    await hours(28)
    expect(await told()).toEqual(warned)
    expect(await read('v')).toMatchObject({ state: 'prune_due' })
    await hours(20)
    expect(await told()).toEqual(warned)
  })

  test('is told again after it recovered, and not after a recovery that was not one', async () => {
    await put('v', 200n * GIB)
    await hours(144)
    expect(await told()).toEqual(warned)
    // From 100 to 75 percent: 50 stays told, 80 and 100 are crossed again.
    await scene.give(ALICE, 360n * MINUTE)
    expect(await read('v')).toMatchObject({ state: 'warned' })
    await hours(36)
    expect(await told()).toEqual([...warned, ...warned.slice(1)])
    await scene.give(ALICE, 2_000n * MINUTE)
    expect(await read('v')).toMatchObject({ state: 'active' })
    await hours(1)
    await scene.give(ALICE, -2_000n * MINUTE)
    await hours(1)
    expect(await told()).toEqual([...warned, ...warned.slice(1), ...warned])
  })

  test('reached at one stroke is told as all three, for each volume', async () => {
    await put('v', 100n * GIB)
    await put('w', 100n * GIB)
    await scene.clock.passUnheard(144 * HOUR)
    await accrue()
    expect((await told()).sort()).toEqual([...warned, ...warned.map((one) => one.replace('v ', 'w '))].sort())
  })

  test('that is due to be pruned is due at once, and no more at once', async () => {
    // The state is judged by the balance of the moment; nothing has to run in between.
    await put('v', GIB)
    await scene.give(ALICE, -1_440n * MINUTE)
    expect(await read('v')).toMatchObject({ state: 'prune_due' })
    await scene.give(ALICE, 1n)
    expect(await read('v')).toMatchObject({ state: 'warned' })
    await scene.deposit(ALICE, 721n * MINUTE)
    expect(await read('v')).toMatchObject({ state: 'active' })
  })

  test('is told of a volume that is reported when the account is due already', async () => {
    await scene.give(ALICE, -1_440n * MINUTE)
    await put('v', GIB)
    await hours(1)
    expect(await told()).toEqual(warned)
  })

  test('deletes nothing', async () => {
    await put('v', 200n * GIB)
    await hours(160)
    expect(await read('v')).toMatchObject({ state: 'prune_due', deletedAt: null, sizeBytes: 200n * GIB })
  })
})

describe('a clock that jumps', () => {
  test.each([3_600, -3_600])('by %i seconds costs nobody storage', async (seconds) => {
    await put('v', 100n * GIB)
    await scene.clock.pass(HOUR)
    expect(await accrue()).toBe(HOUR_OF_100_GIB)
    const before = await scene.clock.now()
    await scene.clock.jump(seconds)
    expect(await accrue()).toBe(0n)
    await scene.sql`select credits.tick(${before}, 0)`
    expect(await accrue()).toBe(0n)
    await scene.clock.pass(HOUR)
    expect(await accrue()).toBe(HOUR_OF_100_GIB)
  })

  test.each([3_600, -3_600])(
    'by %i seconds just before a session starts, and before it ends, bills nobody',
    async (seconds) => {
      // Nobody has noticed the jump when the session starts, or is released: up to a second later the next tick does.
      const jump = async (act: () => Promise<unknown>) => {
        const before = await scene.clock.now()
        await scene.clock.jump(seconds)
        await act()
        await scene.sql`select credits.tick(${before}, 0)`
      }
      await scene.give(ALICE, 600n * MINUTE)
      await put('v', 100n * GIB)
      await jump(() => scene.start('s', ALICE))
      await scene.clock.pass(60)
      expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: MINUTE })
      await jump(() => scene.act('release', ['s']))
      expect(await accrue()).toBe(0n)
      await scene.clock.pass(HOUR)
      expect(await accrue()).toBe(HOUR_OF_100_GIB)
      await jump(() => put('w', 100n * GIB))
      await accrue()
      expect((await read('w')).totalBilledMicros).toBe(0n)
      await jump(() => put('x', 100n * GIB, BOB))
      await accrue()
      expect((await read('x')).totalBilledMicros).toBe(0n)
    },
  )
})

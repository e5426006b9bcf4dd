import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accrueStorage } from '../../billing/metering/accrueStorage.ts'
import { postUsage } from '../../billing/metering/postUsage.ts'
import { putVolume } from '../../billing/metering/volumes.ts'
import { createMeterScene, type MeterScene } from '../support/createMeterScene.ts'

// Case 45 where nobody can tell a jump from time that went by: the machine's clock is set back while none of our processes
// runs, or by one that slept itself. The first tick afterwards is all there is.

const ALICE = `0x${'a1'.repeat(20)}` as const
const BOB = `0x${'b0'.repeat(20)}` as const
const SECOND = 1_000_000n
const MINUTE = 60n * SECOND
const GIB = 1n << 30n

let scene: MeterScene
beforeEach(async () => {
  scene = await createMeterScene()
})
afterEach(() => scene.stop())

/** All processes stop, the clock is set back, and one starts. */
async function setBackWhileDown(seconds: number) {
  await scene.clock.jump(-seconds)
  await scene.sql`select credits.tick(null, 0)`
}

describe('a clock that is set back while nobody runs', () => {
  test('gives nobody an hour for nothing, and takes none', async () => {
    await scene.give(ALICE, 600n * MINUTE)
    await scene.start('s', ALICE)
    await scene.run(30, 's')
    const before = await scene.clock.now()
    await setBackWhileDown(3_600)
    expect(await scene.clock.now()).toEqual(before)
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 0n })
    await scene.clock.pass(30)
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 30n * SECOND })
    expect(await scene.read(ALICE)).toMatchObject({ balanceMicros: 600n * MINUTE - 60n * SECOND })
  })

  test('never comes back into an hour that is posted: usage goes on, and so does everybody else', async () => {
    await scene.give(ALICE, 600n * MINUTE)
    await putVolume(scene.sql, scene.rate, { id: 'v', account: ALICE, sizeBytes: 100n * GIB })
    await putVolume(scene.sql, scene.rate, { id: 'w', account: BOB, sizeBytes: 100n * GIB })
    await scene.clock.pass(60)
    await accrueStorage(scene.sql, scene.rate)
    await scene.start('s', ALICE)
    await scene.run(30, 's')
    // Down for an hour and a half, as it seems; the hour is posted, and then the clock is found to be an hour ahead.
    await scene.clock.passUnheard(5_400)
    expect(await postUsage(scene.sql)).toBe(3)
    await setBackWhileDown(3_600 + 1_700)
    await scene.clock.pass(30)
    expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 120n * SECOND })
    expect(await scene.act('release', ['s'])).toMatchObject([{ state: 'ended' }])
    await scene.clock.pass(60)
    await accrueStorage(scene.sql, scene.rate)
    await scene.clock.pass(7_200)
    await postUsage(scene.sql)
    const books = await scene.books(ALICE)
    expect(books).toMatchObject({ unpostedUsage: 0n, billed: books.used })
  })
})

test('a process that slept through ten minutes takes nobody back by them', async () => {
  // Its own clock stood still with it, so it takes the time that went by for a jump of the machine's.
  await scene.give(ALICE, 600n * MINUTE)
  await scene.start('s', ALICE)
  const beforeItSlept = await scene.clock.now()
  await scene.run(600, 's')
  const now = await scene.clock.now()
  await scene.sql`select credits.tick(${beforeItSlept}, 1000000)`
  expect(await scene.clock.now()).toEqual(now)
  await scene.clock.pass(30)
  expect(await scene.beatOne('s')).toMatchObject({ state: 'running', billedMicros: 30n * SECOND })
})

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adjust } from '../../billing/ledger/adjust.ts'
import { accrueStorage } from '../../billing/metering/accrueStorage.ts'
import { meterSessions } from '../../billing/metering/meterSessions.ts'
import { startSession } from '../../billing/metering/sessions.ts'
import { putVolume } from '../../billing/metering/volumes.ts'
import { runCli } from '../../cli/runCli.ts'
import { createMeterScene, limits, type MeterScene, rate } from '../support/createMeterScene.ts'
import { readDifferences } from '../support/readDifferences.ts'
import { runCredits } from '../support/runCredits.ts'

// What the operator sees and does of sessions and volumes, with nothing but DATABASE_URL: no service, no chain.

const ALICE = `0x${'a1'.repeat(20)}` as const
const BOB = `0x${'b2'.repeat(20)}` as const
const MINUTE = 60_000_000n

let scene: MeterScene
let database: MeterScene['database']
let clock: MeterScene['clock']
beforeEach(async () => {
  scene = await createMeterScene()
  ;({ database, clock } = scene)
})
afterEach(() => scene.stop())

const credits = (args: string[], change: Record<string, string> = {}) =>
  runCredits(args, { DATABASE_URL: database.url, ...change })

const give = (minutes: bigint, wallet: `0x${string}` = ALICE) =>
  adjust(database.sql, { wallet, micros: minutes * MINUTE, reason: 'test', idempotencyKey: wallet })
const start = (id: string, account: `0x${string}` = ALICE, gpus = 1) =>
  startSession(database.sql, limits, { id, account, profile: 'small', gpus })
const beat = (...ids: string[]) => meterSessions(database.sql, limits, ids, 'beat')

describe('account show', () => {
  test('tells the balance of this very moment, the burn, live sessions, volumes and entries', async () => {
    await give(60n)
    await putVolume(database.sql, rate, { id: 'home', account: ALICE, sizeBytes: (3n << 30n) / 2n })
    await start('ended')
    await meterSessions(database.sql, limits, ['ended'], 'release')
    await start('desk-1', ALICE, 2)
    await clock.pass(60)
    await beat('desk-1')
    await clock.pass(30)
    const { code, out } = await credits(['account', 'show', ALICE])
    expect(code).toBe(0)
    expect(out.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<instant>').split('\n')).toEqual([
      `account ${ALICE}`,
      'balance 57 minutes (3420000000 micros)',
      'burns 2 minutes a minute, runs out <instant>',
      '',
      'live sessions',
      'started                   state    profile  gpus  minutes  session',
      '<instant>  running  small    2     2        desk-1',
      '',
      'volumes',
      'GiB   state   minutes  volume',
      '1.50  active  0        home',
      '',
      'newest entries',
      'entry  posted                    minutes  reference',
      `1      <instant>  60       adjustment:${ALICE}`,
    ])
    const json = JSON.parse((await credits(['account', 'show', ALICE, '--json'])).out)
    expect(json).toMatchObject({
      balance: { address: ALICE, balanceMicros: '3420000000', burnMicrosPerMinute: '120000000', low: false },
      sessions: [{ id: 'desk-1', state: 'running', gpus: 2, totalBilledMicros: '120000000' }],
      volumes: [{ id: 'home', sizeBytes: '1610612736', state: 'active' }],
      entries: [{ reference: `adjustment:${ALICE}` }],
    })
  })

  test('says that a balance is low by the setting, that grace is used, and of a debt what it means for volumes', async () => {
    await scene.bought(ALICE, 1_200n)
    await give(1n)
    await putVolume(database.sql, rate, { id: 'home', account: BOB, sizeBytes: 1_000n << 30n })
    await start('desk-1')
    expect((await credits(['account', 'show', ALICE])).out).toContain(
      'balance 1 minutes (60000000 micros), low',
    )
    const never = await credits(['account', 'show', ALICE], { LOW_BALANCE_MINUTES: '0' })
    expect(never.out).not.toContain('low')
    await clock.pass(90)
    await beat('desk-1')
    const spent = await credits(['account', 'show', ALICE])
    expect(spent.out).toContain('balance 0 minutes (0 micros), low\ngrace 7170 seconds left\n')
    await clock.pass(29 * 3_600)
    await accrueStorage(database.sql, rate)
    expect((await credits(['account', 'show', BOB])).out).toMatch(/^1000\.00 +prune_due +1451\.25 +home$/m)
    const patient = await credits(['account', 'show', BOB], { STORAGE_DEBT_LIMIT_MINUTES: '10000' })
    expect(patient.out).toMatch(/^1000\.00 +active /m)
  })

  test.each([
    [{ GRACE_MINUTES: 'x' }, 'GRACE_MINUTES is "x"'],
    [{ GRACE_PERCENT: '101' }, 'GRACE_PERCENT is "101"'],
    [{ HEARTBEAT_TIMEOUT_SECONDS: '30' }, 'it is not longer than HEARTBEAT_INTERVAL_SECONDS, 30'],
    [{ STORAGE_DEBT_LIMIT_MINUTES: '0' }, 'STORAGE_DEBT_LIMIT_MINUTES is "0"'],
  ])('with a setting it needs that is wrong, %j, ends with 78', async (change, why) => {
    expect(await credits(['account', 'show', ALICE], change)).toMatchObject({
      code: 78,
      out: '',
      err: expect.stringContaining(why),
    })
  })

  test('and session end need no other setting, and mind no other that is wrong', async () => {
    const change = { RAILS: 'nonsense', REVENUE_WALLET: 'x', ADMIN_API_KEY: 'short' }
    expect(await credits(['account', 'show', ALICE], change)).toMatchObject({ code: 0 })
    expect(await credits(['session', 'end', 'nobody'], change)).toMatchObject({ code: 1 })
  })
})

describe('session list', () => {
  beforeEach(async () => {
    await give(600n)
    await give(600n, BOB)
    for (const [id, account] of [
      ['a', ALICE],
      ['b', BOB],
      ['c', ALICE],
    ] as const) {
      await start(id, account)
      await clock.pass(1)
    }
    await meterSessions(database.sql, limits, ['a'], 'release')
  })

  const ids = async (...args: string[]) => {
    const { out } = await credits(['session', 'list', '--json', ...args])
    return JSON.parse(out).items.map(({ id }: { id: string }) => id)
  }

  test('is newest first: of everybody, of an account, of those that run', async () => {
    expect(await ids()).toEqual(['c', 'b', 'a'])
    expect(await ids('--account', ALICE)).toEqual(['c', 'a'])
    expect(await ids('--live')).toEqual(['c', 'b'])
    expect(await ids('--live', '--account', ALICE)).toEqual(['c'])
    const { out } = await credits(['session', 'list'])
    expect(out).toMatch(/^started +state +profile +gpus +minutes +account +session$/m)
    expect(out).toMatch(new RegExp(`ended: released +small +1 +0\\.05 +${ALICE} +a$`, 'm'))
  })

  test('goes on where it ended', async () => {
    const first = await credits(['session', 'list', '--limit', '2'])
    const cursor = /^More: --cursor (\S+)$/m.exec(first.out)?.[1] ?? ''
    expect(await ids('--limit', '2', '--cursor', cursor)).toEqual(['a'])
  })
})

describe('session end', () => {
  test('bills up to now, ends the session once, and says so', async () => {
    await give(60n)
    await start('desk-1', ALICE, 2)
    await clock.pass(60)
    await beat('desk-1')
    await clock.pass(30)
    expect(await credits(['session', 'end', 'desk-1'])).toEqual({
      code: 0,
      out:
        `Ended session desk-1 of ${ALICE}: 1 minutes were billed for the time since its last heartbeat, 3 minutes in all. ` +
        'The balance is 57 minutes.',
      err: '',
    })
    await clock.pass(30)
    const again = await credits(['session', 'end', 'desk-1'])
    expect(again).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /had ended before: ended_by_operator, .*, 3 minutes in all\. Nothing changed\.$/,
      ),
    })
    expect(JSON.parse((await credits(['session', 'end', 'desk-1', '--json'])).out)).toMatchObject({
      kind: 'ended_before',
      session: {
        id: 'desk-1',
        state: 'ended',
        endReason: 'ended_by_operator',
        totalBilledMicros: '180000000',
      },
      billedMicros: '0',
      balanceMicros: '3420000000',
    })
    expect(await beat('desk-1')).toMatchObject([{ state: 'ended', billedMicros: 0n }])
    expect(await readDifferences(database.sql)).toEqual([])
  })

  test('leaves one that was released as it was', async () => {
    await give(60n)
    await start('desk-1')
    await meterSessions(database.sql, limits, ['desk-1'], 'release')
    const { code, out } = await credits(['session', 'end', 'desk-1', '--json'])
    expect({ code, kind: JSON.parse(out).kind }).toEqual({ code: 0, kind: 'ended_before' })
    expect(JSON.parse(out).session.endReason).toBe('released')
  })

  test('while no service keeps the clock, bills nothing for the last seconds, and says so', async () => {
    await give(60n)
    await start('desk-1')
    await clock.pass(30)
    await beat('desk-1')
    await clock.jump(60)
    const { code, out } = await credits(['session', 'end', 'desk-1'])
    expect(code).toBe(0)
    expect(out).toContain('nothing was billed for the time since its last heartbeat (')
    expect(out).toContain('0.5 minutes in all')
    expect(await readDifferences(database.sql)).toEqual([])
  })

  test('of an id nobody has ends with 1', async () => {
    expect(await credits(['session', 'end', 'nobody'])).toEqual({
      code: 1,
      out: '',
      err: 'There is no session nobody.',
    })
  })
})

test('verify names usage that is not in order, and shows its progress only to somebody who watches', async () => {
  await give(60n)
  await database.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    await tx`insert into credits.meter (account, unposted_micros, idle_since) values (${ALICE}, 5, credits.metering_now())`
  })
  for (const interactive of [true, false]) {
    const printed: string[] = []
    const shown: string[] = []
    const code = await runCli(['verify'], {
      env: { DATABASE_URL: database.url },
      interactive,
      print: (line) => printed.push(line),
      complain: () => {},
      progress: (line) => shown.push(line),
    })
    expect(code).toBe(1)
    expect(printed).toEqual([
      // The test has taken the clock, and verify says so too.
      expect.stringMatching(/^guard-is-changed: function credits.wall_clock: /),
      `unposted-is-not-the-usage: ${ALICE}: 5 micros are held back from the balance, its unposted usage sums to 0`,
      expect.stringMatching(/^2 differences: 1 accounts, 1 entries, .* 1 meters, 0 sessions/),
    ])
    const bars = shown.filter((line) => line !== '')
    if (interactive) expect(bars).toContainEqual(expect.stringMatching(/^meters \[#{16}\] 1 of 1/))
    else expect(bars).toEqual([])
    expect(shown.at(-1)).toBe('')
  }
})

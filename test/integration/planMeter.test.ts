import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

// The plan is SQL, because it needs the clock and the balance of the moment in which an account is locked. It is tested as
// any pure function is: as tables of cases, without a row in any table.

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const INTERVAL = 30_000_000n
const TIMEOUT = 120_000_000n
const DAY = 86_400_000_000n

/** Midnight and so many microseconds, as text: a Date would lose them on the way. */
const at = (micros: bigint) => {
  const whole = new Date(Number(Date.UTC(2026, 0, 1)) + Number((micros - (micros % 1_000_000n)) / 1_000n))
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  if (micros < 0n && rest !== 0n) whole.setTime(whole.getTime() - 1_000)
  return `${whole.toISOString().slice(0, 19)}.${rest.toString().padStart(6, '0')}Z`
}

async function planned<T>(query: Promise<{ plan: T }[]>): Promise<T> {
  const [row] = await query
  if (row === undefined) throw new Error('the plan answered nothing')
  return row.plan
}

test('the plan is pure: the database knows each of its functions as immutable', async () => {
  const functions = await database.sql<{ name: string; volatility: string; parallel: string }[]>`
    select proname as name, provolatile as volatility, proparallel as parallel from pg_proc
    where pronamespace = 'credits'::regnamespace and (proname like 'plan\\_%' or proname = 'micros_between')
    order by proname`
  expect(functions.map((row) => ({ ...row }))).toEqual(
    [
      'micros_between',
      'plan_charge',
      'plan_debt_percent',
      'plan_elapsed',
      'plan_end',
      'plan_grace',
      'plan_idle',
    ].map((name) => ({ name, volatility: 'i', parallel: 's' })),
  )
})

test.each([
  ['nothing', 0n, 0n, 0n],
  ['a microsecond', 0n, 1n, 1n],
  ['a microsecond back', 1n, 0n, -1n],
  ['across midnight', -1n, 1n, 2n],
  ['ten years', 0n, 3_650n * DAY + 7n, 3_650n * DAY + 7n],
])('micros_between: %s', async (_name, earlier, later, micros) => {
  expect(
    await planned(
      database.sql<
        { plan: bigint }[]
      >`select credits.micros_between(${at(earlier)}::text::timestamptz, ${at(later)}::text::timestamptz) as plan`,
    ),
  ).toBe(micros)
})

describe('plan_elapsed: for how long a session is billed', () => {
  interface Case {
    billedThrough?: bigint
    lastBeatAt?: bigint
    now: bigint
    isTrusted?: boolean
    isSilent?: boolean
    elapsed: bigint
  }
  test.each<[string, Case]>([
    ['no time', { now: 0n, elapsed: 0n }],
    ['a microsecond', { now: 1n, elapsed: 1n }],
    ['an interval', { now: INTERVAL, elapsed: INTERVAL }],
    ['a microsecond below the timeout', { now: TIMEOUT - 1n, elapsed: TIMEOUT - 1n }],
    ['the timeout', { now: TIMEOUT, elapsed: TIMEOUT }],
    ['a microsecond beyond the timeout, of which we know nothing', { now: TIMEOUT + 1n, elapsed: TIMEOUT }],
    ['a day in which we were down', { now: DAY, elapsed: TIMEOUT }],
    ['a clock a microsecond behind what is billed', { now: -1n, elapsed: 0n }],
    ['a clock a day behind what is billed', { now: -DAY, elapsed: 0n }],
    ['silent for the timeout and a microsecond', { now: TIMEOUT + 1n, isSilent: true, elapsed: INTERVAL }],
    ['silent for a day', { now: DAY, isSilent: true, elapsed: INTERVAL }],
    [
      'silent and billed a microsecond short of an interval after its last beat',
      { billedThrough: INTERVAL - 1n, now: DAY, isSilent: true, elapsed: 1n },
    ],
    [
      'silent and billed for an interval after its last beat',
      { billedThrough: INTERVAL, now: DAY, isSilent: true, elapsed: 0n },
    ],
    [
      'silent and billed for longer than an interval after its last beat: nothing is given back',
      { billedThrough: INTERVAL + 1n, now: DAY, isSilent: true, elapsed: 0n },
    ],
    [
      'silent, last billed before its last beat, when nothing could be billed',
      { billedThrough: -INTERVAL, now: DAY, isSilent: true, elapsed: 2n * INTERVAL },
    ],
    ['any time by a clock not to be trusted', { now: INTERVAL, isTrusted: false, elapsed: 0n }],
    ['silence by a clock not to be trusted', { now: DAY, isTrusted: false, isSilent: true, elapsed: 0n }],
  ])('%s', async (_name, one) => {
    const { billedThrough = 0n, lastBeatAt = 0n, now, isTrusted = true, isSilent = false, elapsed } = one
    expect(
      await planned(
        database.sql<{ plan: bigint }[]>`
          select credits.plan_elapsed(${at(billedThrough)}::text::timestamptz,
            ${at(lastBeatAt)}::text::timestamptz, ${at(now)}::text::timestamptz, ${isTrusted}, ${isSilent},
            ${INTERVAL}, ${TIMEOUT}) as plan`,
      ),
    ).toBe(elapsed)
  })
})

describe('plan_charge: what of a cost is billed', () => {
  test.each([
    ['nothing of nothing', 0n, 0n, 0n],
    ['all while there is more', 10n, 11n, 10n],
    ['all of it when it is the very last', 10n, 10n, 10n],
    ['what is left when that is a micro short', 10n, 9n, 9n],
    ['the last micro', 10n, 1n, 1n],
    ['nothing at zero', 10n, 0n, 0n],
    ['nothing below zero: usage does not deepen a debt', 10n, -1n, 0n],
    ['no more than a bigint holds', 10n, 2n ** 63n - 1n, 10n],
    ['nothing of the deepest debt', 10n, -(2n ** 63n), 0n],
  ])('%s', async (_name, cost, left, charge) => {
    expect(
      await planned(database.sql<{ plan: bigint }[]>`select credits.plan_charge(${cost}, ${left}) as plan`),
    ).toBe(charge)
  })
})

describe('plan_end: what becomes of a session', () => {
  test.each([
    ['a beat with a micro left goes on', 'beat', false, 1n, 0n, 0n, null],
    ['a beat with a micro left goes on, whatever the grace', 'beat', false, 1n, 0n, 99n, null],
    ['at zero it goes on while a microsecond of grace is left', 'beat', false, 0n, 1n, 0n, null],
    ['at zero it goes on while its unpaid time leaves a microsecond', 'beat', false, 0n, 11n, 10n, null],
    [
      'at zero it ends when its unpaid time is the whole grace',
      'beat',
      false,
      0n,
      10n,
      10n,
      'grace_exhausted',
    ],
    ['at zero it ends when its unpaid time is more', 'beat', false, 0n, 9n, 10n, 'grace_exhausted'],
    ['at zero it ends at once without grace', 'beat', false, 0n, 0n, 0n, 'grace_exhausted'],
    ['in debt it ends as at zero', 'beat', false, -1n, 0n, 0n, 'grace_exhausted'],
    ['in debt it goes on as at zero', 'beat', false, -1n, 1n, 0n, null],
    ['silence ends it, whatever is left', 'beat', true, 100n, 100n, 0n, 'heartbeat_timeout'],
    ['silence ends it before grace does', 'expire', true, 0n, 0n, 0n, 'heartbeat_timeout'],
    ['a release ends it', 'release', false, 100n, 100n, 0n, 'released'],
    ['a release is one also of a silent session', 'release', true, 0n, 0n, 0n, 'released'],
    ['the operator ends it', 'end', false, 100n, 100n, 0n, 'ended_by_operator'],
    ['the operator ends also what has no grace left', 'end', true, 0n, 0n, 0n, 'ended_by_operator'],
  ])('%s', async (_name, action, isSilent, leftAfter, graceLeft, unpaid, reason) => {
    expect(
      await planned(
        database.sql<{ plan: string | null }[]>`
          select credits.plan_end(${action}, ${isSilent}, ${leftAfter}, ${graceLeft}, ${unpaid}) as plan`,
      ),
    ).toBe(reason)
  })
})

describe('plan_grace: how much may still run unbilled', () => {
  const LIMIT = 7_200_000_000n
  const MAX = 2n ** 63n - 1n
  test.each([
    ['nothing, where nothing was bought', 0n, 0n, LIMIT, 10, 0n, 0n],
    ['nothing, where more was reversed than bought', 0n, 0n, LIMIT, 10, -5n, 0n],
    ['a tenth of what was bought', 0n, 0n, LIMIT, 10, 3_600_000_000n, 360_000_000n],
    ['floored', 0n, 0n, LIMIT, 10, 19n, 1n],
    ['not even a micro of nine', 0n, 0n, LIMIT, 10, 9n, 0n],
    ['what is left of the share', 5n, 359_999_999n, LIMIT, 10, 3_600_000_000n, 1n],
    ['nothing once the share is used', 0n, 360_000_000n, LIMIT, 10, 3_600_000_000n, 0n],
    [
      'nothing when more than the share is used, after a reversal',
      0n,
      360_000_001n,
      LIMIT,
      10,
      3_600_000_000n,
      0n,
    ],
    ['no more than the allowance, however much was bought', 0n, 0n, LIMIT, 10, MAX, LIMIT],
    ['what is left of the allowance', LIMIT - 1n, LIMIT - 1n, LIMIT, 10, MAX, 1n],
    ['nothing once the allowance is used', LIMIT, LIMIT, LIMIT, 10, MAX, 0n],
    ['nothing with an allowance that was lowered below what is used', LIMIT, LIMIT, LIMIT - 1n, 10, MAX, 0n],
    ['nothing at 0 percent', 0n, 0n, LIMIT, 0, MAX, 0n],
    ['all that was bought once more at 100 percent', 0n, 0n, MAX, 100, MAX, MAX],
    ['nothing without an allowance', 0n, 0n, 0n, 10, MAX, 0n],
  ])('%s', async (_name, used, total, limit, percent, bought, grace) => {
    expect(
      await planned(
        database.sql<{ plan: bigint }[]>`
          select credits.plan_grace(${used}, ${total}, ${limit}, ${percent}, ${bought}) as plan`,
      ),
    ).toBe(grace)
  })
})

describe('plan_idle: for how long no session was live', () => {
  test.each([
    ['just now', 0n, 0n, 0n, 0n],
    ['for a microsecond', 0n, 0n, 1n, 1n],
    ['for a while, and before that too', 5n, 0n, DAY, DAY + 5n],
    ['not at all while one is live', 5n, null, DAY, 5n],
    ['never less than before, whatever the clock says', 5n, 1n, 0n, 5n],
  ])('%s', async (_name, idle, since, now, all) => {
    expect(
      await planned(
        database.sql<{ plan: bigint }[]>`
          select credits.plan_idle(${idle}, ${since === null ? null : at(since)}::text::timestamptz,
            ${at(now)}::text::timestamptz) as plan`,
      ),
    ).toBe(all)
  })
})

describe('plan_debt_percent: how much of the debt limit is used', () => {
  const LIMIT = 1_440n * 60_000_000n
  test.each([
    ['credit', 1n, LIMIT, 0],
    ['nothing', 0n, LIMIT, 0],
    ['a micro', -1n, LIMIT, 0],
    ['a micro below half', -(LIMIT / 2n) + 1n, LIMIT, 0],
    ['half', -(LIMIT / 2n), LIMIT, 50],
    ['a micro below four fifths', -((LIMIT / 5n) * 4n) + 1n, LIMIT, 50],
    ['four fifths', -((LIMIT / 5n) * 4n), LIMIT, 80],
    ['a micro below the limit', -LIMIT + 1n, LIMIT, 80],
    ['the limit', -LIMIT, LIMIT, 100],
    ['ten times the limit', -LIMIT * 10n, LIMIT, 100],
    ['half of an odd limit is not yet there', -3n, 7n, 0],
    ['half of an odd limit is passed', -4n, 7n, 50],
    ['a debt as deep as a bigint, less one', -(2n ** 63n) + 1n, LIMIT, 100],
    ['the greatest credit', 2n ** 63n - 1n, LIMIT, 0],
  ])('%s', async (_name, balance, limit, percent) => {
    expect(
      await planned(
        database.sql<{ plan: number }[]>`select credits.plan_debt_percent(${balance}, ${limit}) as plan`,
      ),
    ).toBe(percent)
  })
})

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BackOff, type Ticket } from '../../../billing/chain/rpc/backOff.ts'
import { failureOf } from '../../../billing/chain/rpc/rpcError.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const MIDDLE = 0.5
const create = (random = MIDDLE) => new BackOff({ random: () => random })

/** How long somebody waited until it might ask; null where it was not let in. */
async function waitOf(backOff: BackOff, patienceMs = 10_000): Promise<{ waitedMs: number; ticket: Ticket }> {
  const askedAt = performance.now()
  const entered = backOff.enter(patienceMs)
  await vi.advanceTimersByTimeAsync(patienceMs)
  // The clock has run on; how long it was is told by when it resolved.
  const ticket = await entered
  return { ticket, waitedMs: performance.now() - askedAt }
}

const isRefused = (error: unknown) => failureOf(error)?.kind === 'backing_off'

async function failNow(backOff: BackOff, retryAfterMs: number | null = null) {
  const ticket = await backOff.enter(0)
  ticket.failed('HTTP 429', retryAfterMs)
}

/** The pause that follows the failure, found by asking each millisecond. */
async function pauseOf(backOff: BackOff): Promise<number> {
  for (let ms = 0; ms <= 10_000; ms++) {
    try {
      const ticket = await backOff.enter(0)
      ticket.dropped()
      return ms
    } catch (error) {
      if (!isRefused(error)) throw error
      await vi.advanceTimersByTimeAsync(1)
    }
  }
  throw new Error('longer than ten seconds')
}

test('lets everybody in while all is well', async () => {
  const backOff = create()
  const tickets = await Promise.all([backOff.enter(0), backOff.enter(0), backOff.enter(0)])
  expect(tickets.map(({ tries }) => tries)).toEqual([false, false, false])
  expect(backOff.trouble()).toBeNull()
})

test('pauses a quarter of a second, then twice as long each time, five seconds at most', async () => {
  const backOff = create()
  const pauses: number[] = []
  for (let times = 0; times < 8; times++) {
    await failNow(backOff)
    pauses.push(await pauseOf(backOff))
  }
  expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 5000])
})

test.each([
  [0, 188],
  [0.999, 312],
])('a quarter more or less: %s', async (random, expected) => {
  const backOff = create(random)
  await failNow(backOff)
  const pause = await pauseOf(backOff)
  expect(Math.abs(pause - expected)).toBeLessThanOrEqual(1)
})

test.each([
  ['shorter than our own', 100, 250],
  ['longer', 1_500, 1_500],
  ['an hour: as far as our bound', 3_600_000, 5_000],
])('honours Retry-After where it is %s', async (_name, retryAfterMs, expected) => {
  const backOff = create()
  await failNow(backOff, retryAfterMs)
  expect(await pauseOf(backOff)).toBe(expected)
})

test('who would have to wait for longer than it may is told at once, and why', async () => {
  const backOff = create()
  await failNow(backOff, 3_000)
  const error = await backOff.enter(1_000).catch((why: unknown) => why)
  expect(isRefused(error)).toBe(true)
  expect((error as Error).message).toBe('not asked again yet after: HTTP 429')
})

test('after the pause one tries, and all are let in when that is answered', async () => {
  const backOff = create()
  await failNow(backOff)
  const [first, second, third] = [backOff.enter(2_000), backOff.enter(2_000), backOff.enter(2_000)]
  await vi.advanceTimersByTimeAsync(250)
  const trial = await first
  expect(trial.tries).toBe(true)
  let others = 0
  for (const other of [second, third]) void other.then(() => others++)
  await vi.advanceTimersByTimeAsync(100)
  expect(others).toBe(0)
  trial.answered()
  await vi.advanceTimersByTimeAsync(0)
  expect(others).toBe(2)
  expect(backOff.trouble()).toBeNull()
})

test('a trial that comes to nothing lets the next one try', async () => {
  const backOff = create()
  await failNow(backOff)
  await vi.advanceTimersByTimeAsync(250)
  const trial = await backOff.enter(0)
  trial.dropped()
  expect((await backOff.enter(0)).tries).toBe(true)
})

test('requests that were under way together fail together, once', async () => {
  const backOff = create()
  const together = await Promise.all(Array.from({ length: 16 }, () => backOff.enter(0)))
  await vi.advanceTimersByTimeAsync(5)
  for (const ticket of together) ticket.failed('HTTP 429', null)
  expect(await pauseOf(backOff)).toBe(250)
})

test('what was sent before the failure and is answered after it does not end the pause', async () => {
  const backOff = create()
  const early = await backOff.enter(0)
  await vi.advanceTimersByTimeAsync(1)
  await failNow(backOff)
  early.answered()
  expect(backOff.trouble()).toBe('HTTP 429')
})

describe('silence', () => {
  test('a request without an answer makes it troubled after two seconds, and a time-out opens the pause', async () => {
    const backOff = create()
    const ticket = await backOff.enter(0)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(backOff.trouble()).toBeNull()
    await vi.advanceTimersByTimeAsync(1)
    expect(backOff.trouble()).toBe('no answer yet')
    ticket.timedOut('no answer in time')
    expect(backOff.trouble()).toBe('no answer in time')
    expect(await pauseOf(backOff)).toBe(250)
  })

  test('one slow request among others that are answered is its own matter', async () => {
    const backOff = create()
    const slow = await backOff.enter(0)
    await vi.advanceTimersByTimeAsync(1_000)
    ;(await backOff.enter(0)).answered()
    await vi.advanceTimersByTimeAsync(9_000)
    expect(backOff.trouble()).toBeNull()
    slow.timedOut('no answer in time')
    expect(backOff.trouble()).toBeNull()
  })
})

test('who waits is let in as soon as the pause is over', async () => {
  const backOff = create()
  await failNow(backOff)
  const { ticket } = await waitOf(backOff, 400)
  expect(ticket.tries).toBe(true)
})

import { describe, expect, test } from 'vitest'
import { planWebhookRetry } from '../../../billing/events/webhooks/planWebhookRetry.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** In the middle of the jitter unless told. */
const plan = (
  attempt: number,
  status: number | null,
  retryAfterSeconds: number | null = null,
  random = 0.5,
) => planWebhookRetry({ attempt, status, retryAfterSeconds, random })

describe('what becomes of a delivery after an attempt', () => {
  test.each([200, 201, 202, 204, 299])('%i is delivered, at the first attempt and at the last', (status) => {
    expect(plan(1, status)).toEqual({ kind: 'delivered' })
    expect(plan(10, status)).toEqual({ kind: 'delivered' })
  })

  test.each([100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503, null])(
    '%s is tried again',
    (status) => expect(plan(1, status)).toEqual({ kind: 'retry', afterMs: 5 * SECOND }),
  )

  test('410 is gone, whichever attempt it was', () => {
    expect(plan(1, 410)).toEqual({ kind: 'gone' })
    expect(plan(10, 410)).toEqual({ kind: 'gone' })
  })

  test.each([
    [1, 5 * SECOND],
    [2, 5 * MINUTE],
    [3, 30 * MINUTE],
    [4, 2 * HOUR],
    [5, 5 * HOUR],
    [6, 10 * HOUR],
    [7, 14 * HOUR],
    [8, 20 * HOUR],
    [9, 24 * HOUR],
  ])('after attempt %i: %i ms, 10 %% more or less', (attempt, afterMs) => {
    expect(plan(attempt, 500)).toEqual({ kind: 'retry', afterMs })
    expect(plan(attempt, 500, null, 0)).toEqual({ kind: 'retry', afterMs: afterMs * 0.9 })
    expect(plan(attempt, 500, null, 1)).toEqual({ kind: 'retry', afterMs: Math.round(afterMs * 1.1) })
  })

  test('the tenth is the last', () => {
    expect(plan(10, 500)).toEqual({ kind: 'failed' })
    expect(plan(11, null)).toEqual({ kind: 'failed' })
    expect(plan(10, 503, 1)).toEqual({ kind: 'failed' })
  })

  test.each([
    ['429 that asks for longer is heard', 429, 60, 60 * SECOND],
    ['503 that asks for longer is heard', 503, 60, 60 * SECOND],
    ['one that asks for less is not', 503, 1, 5 * SECOND],
    ['another status is not heard', 500, 60, 5 * SECOND],
    ['nobody puts us off for more than a day', 429, 10 ** 14, 24 * HOUR],
  ])('%s', (_name, status, seconds, afterMs) => {
    expect(plan(1, status, seconds)).toEqual({ kind: 'retry', afterMs })
  })
})

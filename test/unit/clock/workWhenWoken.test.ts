import { expect, test } from 'vitest'
import { createWaker, workWhenWoken } from '../../../billing/clock/createWaker.ts'

const HOUR_MS = 3_600_000

test('works at once and whenever it is woken, tells of a failure once until it works again, and stops', async () => {
  const waker = createWaker()
  const over = new AbortController()
  const outcomes = ['works', 'fails', 'fails', 'works', 'fails', 'works']
  const told: unknown[] = []
  let done = 0
  async function work() {
    const outcome = outcomes[done]
    done += 1
    if (done === outcomes.length) over.abort()
    else waker.wake()
    if (outcome === 'fails') throw new Error(`the ${done}th`)
  }
  const onProblem = (error: unknown) => told.push((error as Error).message)
  await workWhenWoken(work, { waker, everyMs: HOUR_MS, stop: over.signal, onProblem })
  expect(done).toBe(outcomes.length)
  expect(told).toEqual(['the 2th', 'the 5th'])
})

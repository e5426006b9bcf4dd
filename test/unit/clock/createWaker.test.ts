import { expect, test } from 'vitest'
import { createWaker } from '../../../billing/clock/createWaker.ts'

const never = new AbortController().signal
const LONG_MS = 60_000

test('a wake ends the sleep, and one during work the next one, once', async () => {
  const waker = createWaker()
  const asleep = waker.sleep(LONG_MS, never)
  waker.wake()
  await asleep
  waker.wake()
  waker.wake()
  await waker.sleep(LONG_MS, never)
  let isOver = false
  const again = waker.sleep(LONG_MS, never).then(() => {
    isOver = true
  })
  await new Promise(setImmediate)
  expect(isOver).toBe(false)
  waker.wake()
  await again
})

test('time, and the end, end the sleep too', async () => {
  const waker = createWaker()
  await waker.sleep(1, never)
  const stop = new AbortController()
  const asleep = waker.sleep(LONG_MS, stop.signal)
  stop.abort()
  await asleep
  await waker.sleep(LONG_MS, stop.signal)
})

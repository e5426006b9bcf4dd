import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { writeOnce } from '../../../billing/log/createLogger.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function logger() {
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => {
    const { time, ...rest } = JSON.parse(line)
    lines.push(rest)
  }
  return { lines, log: pino({ base: null, level: 'debug', hooks: { logMethod: writeOnce() } }, { write }) }
}

const failure = (stack: string) => ({ error: { type: 'Error', message: 'it broke', stack }, method: 'GET' })

test('the same error again and again is one line, and after a minute one more with how many there were', () => {
  const { lines, log } = logger()
  for (let times = 0; times < 1_000; times++) log.error(failure(`at line ${times}`), 'a request broke')
  expect(lines).toHaveLength(1)
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(2)
  expect(lines[1]).toMatchObject({ msg: 'a request broke', repeated: 999, method: 'GET' })
  log.error(failure('at line 1'), 'a request broke')
  expect(lines).toHaveLength(3)
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(3)
})

test('a warning without facts is counted too', () => {
  const { lines, log } = logger()
  for (let times = 0; times < 5; times++) log.warn('the database hung up')
  vi.advanceTimersByTime(60_000)
  expect(lines.map(({ msg, repeated }) => [msg, repeated])).toEqual([
    ['the database hung up', undefined],
    ['the database hung up', 4],
  ])
})

test('lines that differ in text, level, facts or component are all written, and so is what is no error', () => {
  const { lines, log } = logger()
  log.error({ chainId: 1 }, 'a pass failed')
  log.error({ chainId: 2 }, 'a pass failed')
  log.warn({ chainId: 1 }, 'a pass failed')
  log.error({ chainId: 1 }, 'another failed')
  log.child({ component: 'x' }).error({ chainId: 1 }, 'a pass failed')
  log.info('request')
  log.info('request')
  log.fatal('over')
  log.fatal('over')
  expect(lines).toHaveLength(9)
})

test('what is remembered is bounded, and nothing is lost by that', () => {
  const { lines, log } = logger()
  for (let times = 0; times < 3_000; times++) log.error({ times }, 'differs')
  expect(lines).toHaveLength(3_000)
})

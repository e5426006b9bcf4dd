import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newTraceWatch, planTraces, type TraceWatch } from '../../../supervisor/planTraces.ts'
import type { TraceSupport } from '../../../supervisor/probeTraces.ts'

const YES = 'supported' as const
const NO = 'unsupported' as const
const UNCLEAR = 'unknown' as const

/** Probes every so many seconds, from a start that is over after five; gives the way at each. */
function play(answers: TraceSupport[], everySeconds: number, from: TraceWatch = newTraceWatch) {
  let watched = from
  const modes = answers.map((support, index) => {
    const nowMs = index * everySeconds * 1_000
    watched = planTraces(watched, { support, nowMs, isStarting: from === newTraceWatch && nowMs < 5_000 })
    return watched.mode
  })
  return { modes, watched }
}

const times = <value>(count: number, value: value) => Array<value>(count).fill(value)
const started = (answer: TraceSupport) => play([answer, answer], 1).watched
/** How long it takes to change, asked every ten seconds; null where it never does. */
function secondsUntilChange(from: TraceWatch, answers: TraceSupport[]): number | null {
  const { modes } = play(answers, 10, from)
  const at = modes.findIndex((mode) => mode !== from.mode)
  return at < 0 ? null : at * 10
}

describe('at the start', () => {
  test('two refusals in a row are enough: nothing has to be rebuilt yet', () => {
    expect(play([NO, NO], 1).modes).toEqual([null, 'transactions'])
  })

  test('one refusal before a success is none', () => {
    expect(play([NO, YES, NO, YES], 1).modes).toEqual([null, 'traces', 'traces', 'traces'])
  })

  test('without a clear answer it is taken at its setting', () => {
    expect(play(times(8, UNCLEAR), 1).modes.at(-1)).toBe('traces')
  })

  test('a refusal after it takes minutes', () => {
    expect(play([UNCLEAR, UNCLEAR, UNCLEAR, UNCLEAR, UNCLEAR, NO, NO, NO, NO], 1).modes.at(-1)).toBe('traces')
  })
})

describe('later', () => {
  test('falls back after three minutes of refusals', () => {
    expect(secondsUntilChange(started(YES), times(60, NO))).toBe(180)
  })

  test('does not fall back while a single success is among them', () => {
    const mixed = times(60, NO).map((answer, index) => (index % 15 === 14 ? YES : answer))
    expect(secondsUntilChange(started(YES), mixed)).toBeNull()
  })

  test('does not fall back on what is unclear, however long', () => {
    expect(secondsUntilChange(started(YES), times(600, UNCLEAR))).toBeNull()
  })

  test('does not fall back on two refusals with hours of silence between', () => {
    expect(secondsUntilChange(started(YES), [NO, ...times(600, UNCLEAR), NO, NO, NO])).toBeNull()
  })

  test('comes back after half a minute from what was decided at the start, else after two minutes', () => {
    expect(secondsUntilChange(started(NO), times(60, YES))).toBe(30)
    const fallen = play(times(60, NO), 10, started(YES)).watched
    expect(fallen.mode).toBe('transactions')
    expect(secondsUntilChange(fallen, times(60, YES))).toBe(120)
  })

  test('does not come back while a refusal is among the successes', () => {
    const mixed = times(60, YES).map((answer, index) => (index % 3 === 2 ? NO : answer))
    expect(secondsUntilChange(started(NO), mixed)).toBeNull()
  })
})

test('whatever the RPCs say, there are minutes between two changes', () => {
  const answer = fc.constantFrom<TraceSupport>(YES, NO, UNCLEAR)
  const runs = fc.array(fc.tuple(answer, fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(runs, (said) => {
      const { modes } = play(
        said.flatMap(([one, count]) => times(count, one)),
        10,
      )
      const changes = modes.flatMap((mode, at) =>
        at > 0 && modes[at - 1] !== null && mode !== modes[at - 1] ? [at] : [],
      )
      for (const [index, at] of changes.entries()) {
        // The first change may undo what two answers decided at the start.
        if (index > 0) expect((at - (changes[index - 1] ?? 0)) * 10).toBeGreaterThanOrEqual(120)
      }
    }),
  )
})

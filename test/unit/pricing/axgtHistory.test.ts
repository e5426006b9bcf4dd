import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_NOTES, medianOfNotedDay, whyFarFromHistory } from '../../../billing/pricing/axgtHistory.ts'
import { DAY, historyAt, type OnRecord, past, SCALE } from './historyModel.ts'
import { of } from './readings.ts'

const HOUR = 3_600
/** A cent. */
const CALM = SCALE / 100n
const LIMIT = 25n
const START = 1_700_000_100
const at = (price: bigint, percent: bigint) => (price * percent) / 100n

/** What is on record, and judging by it. */
function openRecord(limit = LIMIT) {
  const noted: OnRecord[] = []
  const credited: OnRecord[] = []
  const why = (seconds: number, price: bigint, beside = credited) =>
    whyFarFromHistory(past({ seconds, price }), historyAt(seconds, noted, beside), of(limit))
  return {
    noted,
    credited,
    why,
    /** As the gate does every five minutes: what is not far from the other notes is noted, whatever was credited. */
    note(seconds: number, price: bigint): boolean {
      const isNear = why(seconds, price, []) === null
      if (isNear) noted.push({ seconds, price })
      return isNear
    },
    /** As the gate does with a payment. A credit is noted too. */
    credit(seconds: number, price: bigint, isWithinCap = true): boolean {
      if (!isWithinCap || why(seconds, price) !== null) return false
      credited.push({ seconds, price })
      noted.push({ seconds, price })
      return true
    },
  }
}

function noteSteadily(
  record: ReturnType<typeof openRecord>,
  from: number,
  seconds: number,
  price: bigint,
  everySeconds = 300,
): void {
  for (let passed = 0; passed < seconds; passed += everySeconds) record.note(from + passed, price)
}

describe('without a history', () => {
  test('any price is near enough: there is nothing that it could be far from', () => {
    expect(openRecord().why(START, CALM * 1_000n)).toBeNull()
  })

  test('the first note binds the second, and all of the first day', () => {
    const record = openRecord()
    record.note(START, CALM)
    expect(record.why(START + 1, at(CALM, 125n))).toBeNull()
    expect(record.why(START + 1, at(CALM, 125n) + 1n)).toContain('median')
    noteSteadily(record, START + 300, DAY / 2, at(CALM, 125n))
    expect(record.why(START + DAY, at(CALM, 125n))).toBeNull()
    expect(record.why(START + DAY, at(CALM, 125n) + 1n)).toContain('two days')
  })
})

describe('the median of a day', () => {
  test.each([
    ['exactly the limit above it', at(CALM, 125n), null],
    ['a hair more', at(CALM, 125n) + 1n, 'the median of the prices noted over a day, 0.01 USD'],
    ['exactly the limit below it', at(CALM, 75n), null],
    ['a hair less', at(CALM, 75n) - 1n, 'the median of the prices noted over a day, 0.01 USD'],
  ])('%s', (_name, price, why) => {
    const record = openRecord()
    noteSteadily(record, START, 3 * DAY, CALM)
    const found = record.why(START + 3 * DAY, price)
    if (why === null) expect(found).toBeNull()
    else expect(found).toContain(why)
  })

  test('a limit of more than 100 % has no lower end', () => {
    const record = openRecord(150n)
    noteSteadily(record, START, DAY, CALM)
    expect(record.why(START + DAY, 0n)).toBeNull()
    expect(record.why(START + DAY, at(CALM, 250n) + 1n)).toContain('median')
  })

  test('a burst of notes within five minutes has one vote', () => {
    const record = openRecord()
    noteSteadily(record, START, DAY, CALM)
    for (let second = 0; second < 290; second++) record.credit(START + DAY + second, at(CALM, 120n))
    expect(record.credited).toHaveLength(290)
    const { notes } = historyAt(START + DAY + 290, record.noted, [])
    expect(notes.filter(({ usdPerUnit }) => usdPerUnit.numerator > CALM)).toHaveLength(1)
    expect(record.why(START + DAY + 290, at(CALM, 125n) + 1n, [])).toContain('median')
  })

  test('a push of hours does not move it, and is forgotten when it is over', () => {
    const record = openRecord()
    noteSteadily(record, START, 2 * DAY, CALM)
    noteSteadily(record, START + 2 * DAY, 11 * HOUR, at(CALM, 125n))
    const after = START + 2 * DAY + 11 * HOUR
    expect(record.why(after, at(CALM, 125n) + 1n)).toContain('median')
    expect(record.why(after, at(CALM, 75n))).toBeNull()
  })

  test('what is noted after a pause hardly counts in the median that held payments are compared with', () => {
    const record = openRecord()
    noteSteadily(record, START, DAY, CALM)
    noteSteadily(record, START + 10 * DAY, HOUR, at(CALM, 125n))
    expect(medianOfNotedDay(historyAt(START + 11 * DAY, record.noted, []))).toEqual(of(CALM, SCALE))
    expect(medianOfNotedDay(historyAt(START, record.noted, []))).toBeNull()
  })
})

describe('a pause in the notes, whatever the cause', () => {
  // Who waits 24 hours out gains nothing: the last known day is what counts.
  test.each([
    [1, 1n],
    [DAY - 1, 1n],
    [DAY + 1, 1n],
    [2 * DAY - 1, 1n],
    [2 * DAY, 2n],
    [3 * DAY, 3n],
    [7 * DAY + HOUR, 7n],
  ])('after %i seconds the limit is allowed as often as %s', (pause, steps) => {
    const record = openRecord()
    noteSteadily(record, START, 3 * DAY + 1, CALM)
    const seconds = START + 3 * DAY + pause
    const most = (CALM * 125n ** steps) / 100n ** steps
    const least = -((-CALM * 75n ** steps) / 100n ** steps)
    expect(record.why(seconds, most)).toBeNull()
    expect(record.why(seconds, most + 1n)).toContain('median')
    expect(record.why(seconds, least)).toBeNull()
    expect(record.why(seconds, least - 1n)).toContain('median')
  })

  test('a market that fell by 60 % is followed after four days, and then stays followed', () => {
    const record = openRecord()
    noteSteadily(record, START, 3 * DAY + 1, CALM)
    const fallen = at(CALM, 40n)
    const found: boolean[] = []
    for (let passed = 300; passed <= 5 * DAY; passed += 300) {
      found.push(record.note(START + 3 * DAY + passed, fallen))
    }
    const first = found.indexOf(true)
    expect((first + 1) * 300).toBe(4 * DAY)
    expect(found.slice(first).every(Boolean)).toBe(true)
  })

  test('notes are pushed for an hour before it: the calm day before them counts', () => {
    const record = openRecord()
    noteSteadily(record, START, 3 * DAY, CALM)
    noteSteadily(record, START + 3 * DAY, HOUR, at(CALM, 125n))
    expect(record.why(START + 4 * DAY + 2 * HOUR, at(CALM, 125n) + 1n)).toContain('median')
  })
})

describe('credits within a day of each other', () => {
  test('a price within the limit of every note is refused where it is too far from a credit', () => {
    const record = openRecord()
    noteSteadily(record, START, 3 * DAY, CALM)
    const low = START + 3 * DAY
    expect(record.credit(low, at(CALM, 80n))).toBe(true)
    expect(record.why(low + 60, CALM)).toBeNull()
    expect(record.why(low + 60, CALM + 1n)).toContain('one that was credited within a day of it')
    // It is what the market says all the same, so it is noted.
    expect(record.note(low + 60, at(CALM, 110n))).toBe(true)
    noteSteadily(record, low + 300, DAY, CALM)
    expect(record.why(low + DAY, CALM + 1n)).toContain('credited within a day')
    expect(record.why(low + DAY + 1, CALM + 1n)).toBeNull()
  })

  test('one that is found late is compared with those after it', () => {
    const record = openRecord()
    noteSteadily(record, START, 3 * DAY, CALM)
    const late = START + 3 * DAY
    record.credit(late + HOUR, at(CALM, 120n))
    expect(record.why(late, at(CALM, 96n))).toBeNull()
    expect(record.why(late, at(CALM, 96n) - 1n)).toContain('credited within a day')
  })
})

/** Of two prices, whether the later is within the limit of the earlier. */
function isWithin(limit: bigint, earlier: bigint, later: bigint): boolean {
  const moved = later > earlier ? later - earlier : earlier - later
  return moved * 100n <= earlier * limit
}

/** The credits at most a day apart that are too far from each other. */
function tooFarApart(limit: bigint, credited: OnRecord[]): [OnRecord, OnRecord][] {
  const inOrder = [...credited].sort((a, b) => a.seconds - b.seconds)
  return inOrder.flatMap((earlier, index) =>
    inOrder
      .slice(index + 1)
      .filter((later) => later.seconds - earlier.seconds <= DAY)
      .filter((later) => !isWithin(limit, earlier.price, later.price))
      .map((later): [OnRecord, OnRecord] => [earlier, later]),
  )
}

/** What a push may have come to: a step of the limit at once, and one more for each whole day of it. */
function isWithinPace(limit: bigint, calm: bigint, since: number, { seconds, price }: OnRecord): boolean {
  const steps = BigInt(1 + Math.floor((seconds - since) / DAY))
  const whole = 100n ** steps
  const isBelow = price * whole <= calm * (100n + limit) ** steps
  const isAbove = limit >= 100n || price * whole >= calm * (100n - limit) ** steps
  return isBelow && isAbove
}

describe('no sequence of pushes', () => {
  // Goal: whatever prices somebody makes the pool show, in any order, with pauses, caps and payments found late, no two
  // credits a day apart differ by more than the limit, and no note runs ahead of one step a day. Method: random scripts,
  // in which half the prices are the greatest or the least that could possibly be accepted.
  const pauseSeconds = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 900 }) },
    { weight: 3, arbitrary: fc.integer({ min: 900, max: 12 * HOUR }) },
    { weight: 2, arbitrary: fc.constantFrom(DAY - 1, DAY, DAY + 1, 2 * DAY - 1, 2 * DAY, 2 * DAY + 1) },
    { weight: 1, arbitrary: fc.integer({ min: DAY, max: 5 * DAY }) },
  )
  const step = fc.record({
    pauseSeconds,
    /** Thousandths of the price before; or as far up or down as is accepted. */
    push: fc.oneof(fc.integer({ min: 300, max: 3_000 }), fc.constantFrom('up' as const, 'down' as const)),
    is: fc.constantFrom('noted' as const, 'paid' as const, 'paid' as const, 'over the cap' as const),
    foundLateBySeconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 * DAY })),
  })

  test('moves a credited price by more than the limit within a day', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1n, 10n, 25n, 60n, 100n, 250n),
        fc.array(step, { minLength: 2, maxLength: 60 }),
        (limit, script) => {
          const record = openRecord(limit)
          let [now, price] = [START, CALM]
          for (const { pauseSeconds: pause, push, is, foundLateBySeconds } of script) {
            now += pause
            const seconds = now - foundLateBySeconds
            price = pushed(record, { seconds, price, push, limit })
            if (is === 'noted') record.note(seconds, price)
            else record.credit(seconds, price, is === 'paid')
          }
          expect(tooFarApart(limit, record.credited)).toEqual([])
        },
      ),
      { numRuns: 300 },
    )
  })

  test('runs ahead of one step of the limit a day, however few the notes and however long the pauses', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(10n, 25n, 60n),
        fc.array(pauseSeconds, { minLength: 1, maxLength: 30 }),
        fc.array(step, { minLength: 10, maxLength: 80 }),
        (limit, calmPauses, script) => {
          const record = openRecord(limit)
          let now = START
          for (const pause of calmPauses) {
            now += pause
            record.note(now, CALM)
          }
          const since = now
          let price = CALM
          for (const { pauseSeconds: pause, push, is } of script) {
            now += pause
            price = pushed(record, { seconds: now, price, push, limit })
            if (is === 'noted') record.note(now, price)
            else record.credit(now, price, is === 'paid')
          }
          const ahead = record.noted.filter(
            (note) => note.seconds > since && !isWithinPace(limit, CALM, since, note),
          )
          expect(ahead).toEqual([])
        },
      ),
      { numRuns: 300 },
    )
  })

  // The pusher of the issue: as high as is accepted, every five minutes for four days, with and without gaps. The notes are
  // dense, so that the two days hold more than one day's worth of them.
  test.each([
    ['in every five minutes', () => true],
    ['two times of three', (turn: number) => turn % 3 !== 0],
    ['in turns of ten hours', (turn: number) => Math.floor(turn / 120) % 2 === 0],
  ])(
    'gains from patience: as high as is accepted, %s',
    (_name, isNoted) => {
      const record = openRecord()
      noteSteadily(record, START, 2 * DAY + 1, CALM)
      const since = START + 2 * DAY
      const levels = [0, 1, 2, 3, 4, 5, 6].map(
        (steps) => (CALM * 125n ** BigInt(steps)) / 100n ** BigInt(steps),
      )
      let reached = 0
      const reachedAt = new Map<number, number>()
      for (let turn = 1; turn <= 4 * 288; turn++) {
        const seconds = since + turn * 300
        if (!isNoted(turn)) continue
        // No level falls back: to note a lower price would only hold the median down.
        const level = [reached + 1, reached].find((candidate) =>
          record.note(seconds, levels[candidate] ?? CALM),
        )
        if (level !== undefined && level > reached) {
          reached = level
          reachedAt.set(level, seconds - since)
        }
      }
      expect(
        record.noted.filter((note) => note.seconds > since && !isWithinPace(LIMIT, CALM, since, note)),
      ).toEqual([])
      expect([...reachedAt].filter(([level, passed]) => passed < (level - 1) * DAY)).toEqual([])
      expect(reached).toBeLessThanOrEqual(4)
    },
    60_000,
  )

  function pushed(
    { why }: ReturnType<typeof openRecord>,
    {
      seconds,
      price,
      push,
      limit,
    }: { seconds: number; price: bigint; push: number | 'up' | 'down'; limit: bigint },
  ): bigint {
    if (typeof push === 'number') return (price * BigInt(push)) / 1_000n || 1n
    const factor = push === 'up' ? 100n + limit : limit >= 100n ? 50n : 100n - limit
    // From far beyond, by steps of the limit and of half of it: the first that is accepted is as far as one gets.
    const tried = [6n, 5n, 4n, 3n, 2n, 1n].flatMap((steps) => {
      const far = (price * factor ** steps) / 100n ** steps
      return [far, (far + (price * factor ** (steps - 1n)) / 100n ** (steps - 1n)) / 2n]
    })
    return tried.find((candidate) => candidate > 0n && why(seconds, candidate) === null) ?? price
  }
})

test('the work of a judgement is bounded: more notes than those of two days are not kept', () => {
  const record = openRecord()
  noteSteadily(record, START, 10 * DAY, CALM)
  expect(historyAt(START + 10 * DAY, record.noted, []).notes).toHaveLength(MAX_NOTES)
})

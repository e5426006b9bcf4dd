import { expect, test } from 'vitest'
import { dayOf, durationText, minutesText, timeText } from '../../../panel/format.ts'

const SECOND = 1_000_000n
const plain = (text: string) => text.replaceAll('\u00a0', ' ')

test.each([
  [0n, 'min', '0 min'],
  [59n * SECOND, 'min', '0 min'],
  [59n * SECOND, 's', '59 s'],
  [60n * SECOND, 's', '1 min'],
  [750n * SECOND, 's', '12 min 30 s'],
  [7_500n * SECOND, 's', '2 h 5 min'],
  [7_259n * SECOND, 's', '2 h'],
  [90_000n * SECOND, 'min', '1 d 1 h'],
  [86_399n * SECOND + 999_999n, 'min', '23 h 59 min'],
  [-90n * SECOND, 's', '−1 min 30 s'],
] as const)('%s micros as a duration down to %s read %s', (micros, unit, text) => {
  expect(plain(durationText(micros, unit))).toBe(text)
})

test.each([
  [74_070_000_000n, 2, false, '1,234.5'],
  [74_070_000_000n, 2, true, '1,234.50'],
  [59_999_999n, 2, true, '0.99'],
  [59_999_999n, 0, false, '0'],
  [-1n, 2, false, '0'],
  [-90_000_000n, 2, false, '−1.5'],
  [60_000_000_000_000_000n, 0, false, '1,000,000,000'],
] as const)(
  '%s micros with %s decimals (fixed: %s) read %s, never rounded up',
  (micros, decimals, fixed, text) => {
    expect(minutesText(micros, decimals, { fixed })).toBe(text)
  },
)

test('a moment is written as briefly as is clear', () => {
  const now = new Date(2025, 10, 25, 13, 0).getTime()
  expect(timeText(new Date(2025, 10, 25, 16, 42).getTime(), now)).toBe('16:42')
  expect(timeText(new Date(2025, 10, 26, 2, 10).getTime(), now)).toMatch(/Wed,? 26 Nov,? (at )?02:10/)
  expect(timeText(new Date(2024, 0, 3, 10, 0).getTime(), now)).toMatch(/3 Jan 2024,? (at )?10:00/)
})

test('a day is that of the calendar here', () => {
  expect(dayOf(new Date(2025, 0, 5, 0, 0, 1))).toBe('2025-01-05')
  expect(dayOf(new Date(2025, 11, 31, 23, 59, 59))).toBe('2025-12-31')
})

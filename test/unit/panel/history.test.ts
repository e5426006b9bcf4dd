import { describe, expect, test } from 'vitest'
import type { LedgerEntry } from '../../../panel/api/apiTypes.ts'
import { csvText } from '../../../panel/history/csvRows.ts'
import { usageByDay } from '../../../panel/history/usageByDay.ts'

describe('CSV', () => {
  test('is that of RFC 4180: CRLF, quotes only where needed, quotes doubled', () => {
    expect(
      csvText([
        ['a', 'b'],
        ['x,y', 'say "hi"'],
        [null, 5],
        ['two\nlines', ''],
      ]),
    ).toBe('a,b\r\n"x,y","say ""hi"""\r\n,5\r\n"two\nlines",\r\n')
  })

  test.each(['=HYPERLINK("x")', '+1+cmd', '-2+3', '@SUM(A1)', '\tx', '\rx', '＝1'])(
    'a cell that a spreadsheet would execute is disarmed: %j',
    (formula) => {
      expect(csvText([[formula]])).toContain(`'${formula.slice(0, 1)}`)
    },
  )

  test('negative numbers stay numbers', () => {
    expect(csvText([['-0.25', '-600', 12]])).toBe('-0.25,-600,12\r\n')
  })
})

describe('usage by day', () => {
  const entry = (kind: LedgerEntry['kind'], micros: string, at: Date): LedgerEntry => ({
    id: String(at.getTime()),
    kind,
    micros,
    minutes: '',
    reference: '',
    reversesEntryId: null,
    details: {},
    eventAt: at.toISOString(),
    createdAt: at.toISOString(),
  })

  test('adds desktops and storage up apart, by the day here, and leaves no day out', () => {
    const entries = [
      entry('usage', '-100', new Date(2025, 2, 3, 0, 0, 0)),
      entry('usage', '-20', new Date(2025, 2, 3, 23, 59, 59)),
      entry('storage', '-7', new Date(2025, 2, 1, 12)),
      entry('deposit', '5000', new Date(2025, 2, 3, 12)),
      entry('usage', '-999', new Date(2025, 1, 28, 23, 59, 59)),
    ]
    expect(usageByDay(entries, new Date(2025, 2, 3, 15), 3)).toEqual([
      { day: '2025-03-01', desktopMicros: 0n, storageMicros: 7n },
      { day: '2025-03-02', desktopMicros: 0n, storageMicros: 0n },
      { day: '2025-03-03', desktopMicros: 120n, storageMicros: 0n },
    ])
  })
})

import { expect, test } from 'vitest'
import { formatProgress } from '../../../cli/formatProgress.ts'

test.each([
  ['nothing yet', 0n, 1_000n, 0, 'entries [................] 0 of 1000'],
  ['a quarter', 250n, 1_000n, 500, 'entries [####............] 250 of 1000, 500/s, 2 s left'],
  ['minutes', 1_000n, 100_000n, 1_000, 'entries [................] 1000 of 100000, 1000/s, 2 min left'],
  ['all', 1_000n, 1_000n, 2_000, 'entries [################] 1000 of 1000, 500/s'],
  ['more than were expected', 1_001n, 1_000n, 1_000, 'entries [################] 1001 of 1000, 1001/s'],
  ['too slow for a rate', 1n, 10n, 60_000, 'entries [#...............] 1 of 10'],
  ['nothing to do', 0n, 0n, 5, 'entries: 0'],
  ['an unknown whole', 700n, null, 1_000, 'entries: 700, 700/s'],
])('%s', (_name, count, of, elapsedMs, line) => {
  expect(formatProgress({ what: 'entries', count, of, elapsedMs })).toBe(line)
})

test('a line fits into 80 columns up to a billion', () => {
  const line = formatProgress({
    what: 'adjustments',
    count: 999_999_999n,
    of: 1_000_000_000n,
    elapsedMs: 10_000_000,
  })
  expect(line.length).toBeLessThanOrEqual(79)
})

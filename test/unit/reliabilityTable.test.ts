import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

// Goal: docs/reliability.md and SECURITY.md name tests that are there, under the names that they have. Method: each row of its table against the
// text of the file; a name is that of a test or of a group of tests.

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

const rows = [
  ...read('docs/reliability.md').matchAll(/^\| (\d+) \| `(test\/[^`]+)` \| (.+?) \| (.+) \|$/gm),
].map(([, item = '', file = '', name = '', shows = '']) => ({ item: Number(item), file, name, shows }))

/** What tests and groups are called in a file: the string that comes first in a call, as it is written. */
function namesIn(source: string): Set<string> {
  const call =
    /(?:^|\s)(?:test|it|describe)(?:\.\w+)?\(\s*(['"`])(.*?)\1,|^\s*[\])}]+\s*\)\(\s*(['"`])(.*?)\3,|^\s*(?:test|it|describe)\.each(?:<.*>)?\(.*\)\(\s*(['"`])(.*?)\5,/gm
  return new Set([...source.matchAll(call)].map(([, , plain, , each, , line]) => plain ?? each ?? line ?? ''))
}

test('the table has a row for each of the items 1 to 19, and none twice', () => {
  expect([...new Set(rows.map(({ item }) => item))]).toEqual(
    Array.from({ length: 19 }, (_, index) => index + 1),
  )
  const keys = rows.map(({ item, file, name }) => `${item} ${file} ${name}`)
  expect(new Set(keys).size).toBe(keys.length)
  // A row that is written otherwise would not be looked at.
  expect(read('docs/reliability.md').match(/^\| \d+ \|/gm)).toHaveLength(rows.length)
})

describe('each row', () => {
  test.each(rows)('$item: $file: $name', ({ file, name }) => {
    expect(existsSync(new URL(`../../${file}`, import.meta.url)), `${file} is there`).toBe(true)
    expect([...namesIn(read(file))]).toContain(name)
  })
})

describe('the threat model of SECURITY.md', () => {
  const threats = [
    ...read('SECURITY.md').matchAll(/^\| .+ \| .+ \| .+ \| `(test\/[^`]+)` \| (.+) \|$/gm),
  ].map(([, file = '', name = '']) => ({ file, name }))

  test.each(threats)('$file: $name', ({ file, name }) => {
    expect([...namesIn(read(file))]).toContain(name)
  })

  test('has a test in each row', () => {
    const rows = read('SECURITY.md').match(/^\| (?!who \||---)/gm)
    expect(rows?.length).toBeGreaterThan(15)
    expect(threats).toHaveLength(rows?.length ?? 0)
  })
})

test('a name that is only in a comment, in an assertion or a part of another is none', () => {
  const source = [
    "test('one', () => {",
    "  // test('two') is gone",
    "  expect(text).toContain('three')",
    '})',
    'test.each([',
    "  ['four', 4],",
    "])('five %s', (name) => {})",
    "describe.each(STATUSES)('six', (status) => {})",
    'test.each<[string, number]>([])(',
    "  'seven',",
    '  (name) => {},',
    ')',
    '  ])(',
    "    'eight',",
    '    (name) => {},',
    '  )',
  ].join('\n')
  expect([...namesIn(source)].sort()).toEqual(['eight', 'five %s', 'one', 'seven', 'six'].sort())
})

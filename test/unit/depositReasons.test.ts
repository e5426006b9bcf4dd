import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createApp } from '../../billing/api/createApp.ts'
import { depositReasons } from '../../billing/deposits/schema.ts'
import { historyText } from '../../panel/text/history.ts'
import { fakeDeps } from './api/fakeDeps.ts'

// Goal: whoever meets a reason for which a payment waits finds out what it means and what ends it. The gauges are tried in
// test/integration/readGauges.test.ts, the sentence beside a payment under way in test/unit/panel/problemTexts.test.ts.

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

/** The cells of each row of the tables in one section of a page. */
function rowsOf(page: string, heading: string): string[][] {
  const [, rest = ''] = read(page).split(`\n${heading}\n`)
  const [section = ''] = rest.split(/^##+ /m)
  return [...section.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split(' | '))
}

const named = (cell = '') => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name)
const reasons = [...depositReasons].sort()

test('docs/architecture.md says of every reason when it passes', () => {
  const tables = rowsOf('docs/architecture.md', '## Life of a deposit')
  const from = tables.findIndex(([first]) => first === 'reason of `held`')
  expect(
    tables
      .slice(from + 1)
      .flatMap(([first]) => named(first))
      .sort(),
  ).toEqual(reasons)
})

test('docs/operations.md has of every reason an alarm on its own gauge, its meaning and what to do', () => {
  const rows = rowsOf('docs/operations.md', '## Held deposits').filter(([first]) => named(first).length > 0)
  expect(rows.flatMap(([first]) => named(first)).sort()).toEqual(reasons)
  for (const [first, alarm = '', means = '', whatToDo = ''] of rows) {
    const [reason] = named(first)
    const expression = /^`(?:delta\()?deposits_held\{reason="(\w+)"\}(?:\[1d\]\))? > 0` (?:at once|for \d+m)$/
    // Of the payer's own matters nobody need be woken.
    if (reason === 'below_minimum') expect(alarm).toBe('none: nobody waits for us')
    else expect(expression.exec(alarm)?.[1], alarm).toBe(reason)
    expect(means).not.toBe('')
    expect(whatToDo).not.toBe('')
  }
})

test('the document of the API says of every reason until when it holds, wherever it names them', async () => {
  const response = await createApp(fakeDeps()).request('/openapi.json')
  const places = enumsOf(await response.json()).filter(({ values }) => values.includes('payment_not_seen'))
  expect(places.length).toBeGreaterThanOrEqual(3)
  for (const { values, description } of places) {
    expect(values.filter((value) => value !== null).sort()).toEqual(reasons)
    const told = [...String(description).matchAll(/^- `(\w+)`: .{10,}$/gm)].map(([, reason]) => reason)
    expect(told.sort()).toEqual(reasons)
  }
})

function enumsOf(value: unknown): { values: (string | null)[]; description: unknown }[] {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.values(value).flatMap(enumsOf)
  if (!('enum' in value) || !Array.isArray(value.enum)) return inner
  return [{ values: value.enum, description: 'description' in value ? value.description : null }, ...inner]
}

test('the history of payments has a sentence for every reason', () => {
  const sentences = Object.entries(historyText.deposits.reasons)
  expect(sentences.map(([reason]) => reason).sort()).toEqual(reasons)
  for (const [, sentence] of sentences) expect(sentence).toMatch(/^[A-Z].{20,}\.$/)
})

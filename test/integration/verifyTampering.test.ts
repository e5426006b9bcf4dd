import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, type Sql, type Transaction } from '../../billing/database/connect.ts'
import type { Difference } from '../../billing/verify/differences.ts'
import { rowParts, verifyWithin } from '../../billing/verify/verifyBooks.ts'
import { createFullBooks, type FullBooks } from '../support/createFullBooks.ts'
import { differencesAfter } from '../support/differencesAfter.ts'
import { answers, quoteAnswers, type Tampering } from './tampering.ts'

// Goal: `verify` names any change of any column that money depends on; what it cannot see is told in docs/operations.md. Changes
// of what guards them are in verifyGuards.test.ts. Method: books made by the service's own code; the catalog says which columns
// there are, so a new one has to be answered for; one change at a time, with triggers and foreign keys off as only a superuser
// can, in a transaction that is undone.

let books: FullBooks
/** One connection, so that the rules are planned once. */
let sql: Sql
beforeAll(async () => {
  books = await createFullBooks()
  sql = connect(books.database.url, { max: 1, applicationName: 'test' })
}, 400_000)
afterAll(async () => {
  await sql?.end({ timeout: 1 })
  await books?.stop()
})

/**
 * The rules that a change breaks, up to the one that is looked for; all of them where it is not among them. Guards are left
 * out, which no change of a row can break.
 */
async function rulesBrokenBy(change: (tx: Transaction) => Promise<unknown>, upTo: string): Promise<string[]> {
  const found: Difference[] = []
  await differencesAfter(sql, change, async (tx) => {
    await verifyWithin(
      tx,
      (step) => {
        if (step.kind !== 'difference') return
        found.push(step.difference)
        if (step.difference.rule === upTo) throw new Seen()
      },
      rowParts,
    ).catch((error: unknown) => {
      if (!(error instanceof Seen)) throw error
    })
    return found
  })
  return found.map(({ rule }) => rule)
}

class Seen extends Error {}

async function tamper(tx: Transaction, table: string, column: string, { set, where, before }: Tampering) {
  if (before !== undefined) await tx.unsafe(before)
  const changed = await tx.unsafe(
    `update credits.${table} set ${column} = ${set} ${where === undefined ? '' : `where ${where}`}`,
  )
  if (changed.count === 0) throw new Error(`there is no row to change ${column} of ${table} in (${where})`)
}

/** What docs/operations.md says that no row can show: `table.column`, or `table.*`. */
async function readUnseen(): Promise<string[]> {
  const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const section = page.split('### What a database alone cannot show')[1]?.split(/^##+ /m)[0] ?? ''
  const cells = section.split('\n').flatMap((line) => /^\| (`[^|]*)\|/.exec(line)?.[1] ?? [])
  return cells.flatMap((cell) =>
    [...cell.matchAll(/`([a-z_]+\.[A-Za-z0-9_.*]+)`/g)].map(([, name = '']) => name),
  )
}

test('books as the service writes them are in order', async () => {
  expect(await differencesAfter(sql, async () => {})).toEqual([])
})

describe('every column', () => {
  test('of the schema is answered for, and no other', async () => {
    const rows = await sql<{ name: string }[]>`
      select table_name || '.' || column_name as name from information_schema.columns where table_schema = 'credits'`
    const answered = Object.entries(answers).flatMap(([table, columns]) =>
      columns === null
        ? rows.map(({ name }) => name).filter((name) => name.startsWith(`${table}.`))
        : Object.keys(columns).map((column) => `${table}.${column}`),
    )
    const there = rows.map(({ name }) => name)
    // Say in tampering.ts how to change it and which rule must name that, or, in docs/operations.md too, why none can.
    expect(there.filter((name) => !answered.includes(name))).toEqual([])
    expect(answered.filter((name) => !there.includes(name))).toEqual([])
  })

  test('that no row can show a change of is told in docs/operations.md, and no other', async () => {
    const expected = [
      ...Object.entries(answers).flatMap(([table, columns]) =>
        columns === null
          ? [`${table}.*`]
          : Object.entries(columns).flatMap(([column, answer]) =>
              answer === null ? [`${table}.${column}`] : [],
            ),
      ),
      ...Object.entries(quoteAnswers).flatMap(([path, answer]) => (answer === null ? [`quote.${path}`] : [])),
    ]
    expect((await readUnseen()).sort()).toEqual(expected.sort())
  })

  const cases = Object.entries(answers).flatMap(([table, columns]) =>
    Object.entries(columns ?? {}).flatMap(([column, answer]) =>
      [answer ?? []]
        .flat()
        .map((tampering): [string, string, string, Tampering] => [
          `${table}.${column} set to ${tampering.set}${tampering.where === undefined ? '' : ` where ${tampering.where}`}`,
          table,
          column,
          tampering,
        ]),
    ),
  )
  test.each(cases)('%s', async (_name, table, column, tampering) => {
    const { says } = tampering
    expect(await rulesBrokenBy((tx) => tamper(tx, table, column, tampering), says)).toContain(says)
  })
})

describe('every part of a quote', () => {
  /** The paths of all leaves of the stored quotes. */
  async function readPaths(): Promise<string[]> {
    const rows = await sql<{ quote: unknown }[]>`select quote from credits.deposit_credit`
    return [...new Set(rows.flatMap(({ quote }) => pathsOf(quote)))].sort()
  }
  const pathsOf = (value: unknown, path: string[] = []): string[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))
      : [path.join('.')]

  test('is answered for, and no other', async () => {
    expect(await readPaths()).toEqual(Object.keys(quoteAnswers).sort())
  })

  test.each(Object.entries(quoteAnswers).flatMap(([path, value]) => (value === null ? [] : [[path, value]])))(
    '%s set to %s',
    async (path = '', value = '') => {
      const change = async (tx: Transaction) => {
        const keys = `{${path.replaceAll('.', ',')}}`
        const changed = await tx`
          update credits.deposit_credit set quote = jsonb_set(quote, ${keys}::text[], ${value}::text::jsonb)
          where quote #> ${keys}::text[] is not null and quote #>> ${keys}::text[] is distinct from ${value}::text::jsonb #>> '{}'`
        if (changed.count === 0) throw new Error(`no quote has another ${path}`)
      }
      const says = 'credit-is-not-its-quote'
      expect(await rulesBrokenBy(change, says)).toContain(says)
    },
  )
})

describe('changes that agree with each other', () => {
  const doubledQuote = `jsonb_set(jsonb_set(quote, '{creditMicros}', to_jsonb((micros * 2)::text)), '{price,microsPerBaseUnit,numerator}',
    to_jsonb(((quote->'price'->'microsPerBaseUnit'->>'numerator')::numeric * 2)::text))`
  const OF_USDC =
    "(select max(deposit_id) from credits.deposit_credit where deposit_id like '%-usdc-%' and reversal_entry_id is null)"
  const doubled = [
    `update credits.account a set balance_micros = balance_micros + e.micros from credits.ledger_entry e, credits.deposit_credit c
      where c.deposit_id = ${OF_USDC} and e.id = c.entry_id and a.address = e.account`,
    `update credits.ledger_entry set micros = micros * 2 where id = (select entry_id from credits.deposit_credit where deposit_id = ${OF_USDC})`,
    `update credits.deposit set credit_micros = credit_micros * 2 where id = ${OF_USDC}`,
    `update credits.deposit_credit set quote = ${doubledQuote}, micros = micros * 2 where deposit_id = ${OF_USDC}`,
  ]
  const doubledPrice = `update credits.deposit_credit set quote = jsonb_set(quote, '{price,usdPerUnit}', '"2"') where deposit_id = ${OF_USDC}`
  const doubledEvent = `update credits.outbox_event set payload = payload || jsonb_build_object('creditMicros',
    ((payload->>'creditMicros')::bigint * 2)::text) where kind = 'deposit.credited' and payload->>'id' = ${OF_USDC}`
  const invented = (entry: string, adjustment: string, at: string) => [
    `with entry as (
      insert into credits.ledger_entry (account, kind, micros, reference, details, event_at, created_at)
      select min(address), 'adjustment', 60000000, 'adjustment:invented', ${entry}, ${at}, now() from credits.account
      returning id, account, micros
    ), kept as (
      insert into credits.adjustment (idempotency_key, account, micros, reason, entry_id, created_at)
      select 'invented', account, micros, 'a gift', id, ${adjustment} from entry
    )
    update credits.account a set balance_micros = a.balance_micros + entry.micros from entry where a.address = entry.account`,
  ]
  const ofPending = "(select id from credits.deposit where state = 'pending')"
  const lower = (table: string, where: string) => `update credits.${table} set ${where}`

  test.each<[string, string[], string]>([
    ['micros and rate doubled everywhere', doubled, 'event-is-not-its-credit'],
    ['micros, rate and what was told doubled', [...doubled, doubledEvent], 'credit-is-not-its-quote'],
    [
      'micros, rate, price and what was told doubled',
      [...doubled, doubledEvent, doubledPrice],
      'credit-is-not-its-quote',
    ],
    [
      'a tier and its discount',
      [
        `update credits.deposit_credit set quote = jsonb_set(quote, '{tier}',
          '{"index": 4, "label": "Tier 4", "discountPercent": "25"}') where quote->>'rail' like 'eth:%'`,
      ],
      'credit-is-not-its-quote',
    ],
    [
      'what a session is billed through, and when it was heard last',
      [
        lower(
          'session',
          "billed_through = now() + interval '1 day', last_beat_at = now() + interval '1 day' where state = 'running'",
        ),
      ],
      'session-is-billed-through-another-moment',
    ],
    [
      'all grace forgotten',
      [lower('meter', 'grace_used_micros = 0, grace_total_micros = 0')],
      'grace-is-not-that-of-its-sessions',
    ],
    [
      'a pending deposit deleted',
      [`delete from credits.deposit where id = ${ofPending}`],
      'event-is-not-its-deposit',
    ],
    [
      'a pending deposit raised, as if more had been seen',
      [
        `update credits.deposit set amount_base_units = amount_base_units * 1000, seen_base_units = seen_base_units * 1000,
          attempt = 1 where id = ${ofPending}`,
      ],
      'deposit-state-is-not-its-credits',
    ],
    [
      'an adjustment without its reason in the entry',
      invented("'{}'", 'now()', 'now()'),
      'adjustment-is-not-its-entry',
    ],
    [
      'an adjustment of another moment',
      invented(`'{"reason": "a gift"}'`, "now() - interval '1 second'", 'now()'),
      'adjustment-is-not-its-entry',
    ],
    [
      'an adjustment dated back',
      invented(`'{"reason": "a gift"}'`, 'now()', "now() - interval '1 day'"),
      'adjustment-is-not-its-entry',
    ],
    [
      'usage, its session and its meter lowered alike',
      [
        `update credits.session set total_billed_micros = total_billed_micros - 1, hour_micros = hour_micros - 1 where hour_micros > 0`,
        `update credits.usage set micros = micros - 1 where entry_id is null and source = 'session'`,
        `update credits.meter m set unposted_micros = unposted_micros - (select count(*) from credits.session s
          where s.account = m.account and s.hour_micros > 0)`,
        `update credits.session set total_billed_micros = total_billed_micros - 1 where id = 'done'`,
      ],
      'session-total-is-not-its-usage',
    ],
    [
      'an ended session that never was',
      [`delete from credits.session where id = 'last'`],
      'event-is-not-its-session',
    ],
    [
      'a credit that nobody told of',
      [`delete from credits.outbox_event where kind = 'deposit.credited' and payload->>'id' = ${OF_USDC}`],
      'credit-was-not-told',
    ],
    [
      'a reversal that nobody told of',
      [`delete from credits.outbox_event where kind = 'deposit.reversed'`],
      'reversal-was-not-told',
    ],
    [
      'everything called forgotten, so that nothing is missing',
      [lower('outbox_forgotten', 'through_seq = (select max(seq) from credits.outbox_event)')],
      'events-are-forgotten-too-early',
    ],
  ])('%s', async (_name, statements, rule) => {
    const change = async (tx: Transaction) => {
      for (const statement of statements) {
        const changed = await tx.unsafe(statement)
        if (changed.count === 0) throw new Error(`nothing was changed by ${statement}`)
      }
    }
    expect(await rulesBrokenBy(change, rule)).toContain(rule)
  })
})

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { adjust } from '../../billing/ledger/adjust.ts'
import type { Difference, VerificationStep } from '../../billing/verify/differences.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { differencesAfter } from '../support/differencesAfter.ts'
import { creditDeposit, idOf, OTHER, PAYER, writeGoodBooks } from './writeGoodBooks.ts'

// Goal: every way in which the books can go wrong is named. Method: good books, one corruption with triggers and foreign
// keys switched off (which takes a superuser), and the very differences that follow.

const NO_USAGE = { meters: 0n, sessions: 0n, volumes: 0n, postings: 0n, events: 0n }

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

async function differences(): Promise<Difference[]> {
  const found: Difference[] = []
  const result = await verifyBooks(database.sql, (step) => {
    if (step.kind === 'difference') found.push(step.difference)
  })
  expect(result.differences).toBe(found.length)
  return found
}

/** Runs statements as nobody may: no trigger fires, no foreign key is checked. */
async function corrupt(...statements: string[]): Promise<void> {
  await database.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    for (const statement of statements) await tx.unsafe(statement)
  })
}

const named = (found: Difference[]) => found.map(({ rule, subject }) => `${rule}: ${subject}`).sort()

test('empty books are in order', async () => {
  expect(await verifyBooks(database.sql)).toEqual({
    checked: { accounts: 0n, entries: 0n, adjustments: 0n, deposits: 0n, quotes: 0n, ...NO_USAGE },
    differences: 0,
  })
})

test('good books are in order, and everything in them was looked at', async () => {
  await writeGoodBooks(database.sql)
  expect(await differences()).toEqual([])
  expect(await verifyBooks(database.sql)).toEqual({
    checked: {
      accounts: 2n,
      entries: 5n,
      adjustments: 1n,
      deposits: 4n,
      quotes: 3n,
      ...NO_USAGE,
      events: 8n,
    },
    differences: 0,
  })
})

test('a deposit credited, reversed and credited again is in order', async () => {
  await writeGoodBooks(database.sql)
  await database.sql`update credits.deposit set state = 'pending', retry_at = null where id = ${idOf(2)}`
  await creditDeposit(database.sql, 2, 1)
  expect(await differences()).toEqual([])
})

describe('a corruption is named', () => {
  let books: TestDatabase
  beforeAll(async () => {
    books = await createTestDatabase()
    await writeGoodBooks(books.sql)
  })
  afterAll(() => books?.drop())

  const deposit = (n: number) => `deposit ${idOf(n)}`
  const credit = (n: number) => `credit ${idOf(n)} attempt 1`

  test.each<[string, string[], string[]]>([
    [
      'a balance changed by hand',
      [`update credits.account set balance_micros = balance_micros + 1 where address = '${PAYER}'`],
      [`balance-is-not-the-sum: ${PAYER}`],
    ],
    [
      'an account deleted',
      [`delete from credits.account where address = '${OTHER}'`],
      [`balance-is-not-the-sum: ${OTHER}`],
    ],
    [
      'an entry’s micros changed together with the balance',
      [
        'update credits.ledger_entry set micros = micros + 1 where id = 1',
        `update credits.account set balance_micros = balance_micros + 1 where address = '${PAYER}'`,
      ],
      [`credit-is-not-its-entry: ${credit(1)}`],
    ],
    [
      'an entry deleted together with its share of the balance',
      [
        'delete from credits.ledger_entry where id = 3',
        `update credits.account set balance_micros = balance_micros - 3600000000 where address = '${PAYER}'`,
      ],
      [`credit-is-not-its-entry: ${credit(3)}`],
    ],
    [
      'an entry moved to another account together with its balance',
      [
        `update credits.ledger_entry set account = '${OTHER}' where id = 1`,
        `update credits.account set balance_micros = balance_micros
          + (case when address = '${OTHER}' then 3600000000 else -3600000000 end)`,
      ],
      [`credit-is-not-its-entry: ${credit(1)}`],
    ],
    [
      'an entry out of nothing',
      [
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          values ('${PAYER}', 'deposit', 5, 'deposit:${idOf(9)}:1', now())`,
        `update credits.account set balance_micros = balance_micros + 5 where address = '${PAYER}'`,
      ],
      ['credit-is-not-its-entry: entry 6'],
    ],
    [
      'an adjustment entry out of nothing',
      [
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          values ('${PAYER}', 'adjustment', 5, 'adjustment:x', now())`,
        `update credits.account set balance_micros = balance_micros + 5 where address = '${PAYER}'`,
      ],
      ['adjustment-is-not-its-entry: entry 6'],
    ],
    [
      'an adjustment’s row deleted',
      ['delete from credits.adjustment'],
      ['adjustment-is-not-its-entry: entry 5'],
    ],
    [
      'an adjustment’s row changed',
      ['update credits.adjustment set micros = 8'],
      ['adjustment-is-not-its-entry: adjustment "k"'],
    ],
    [
      'a reference that says nothing',
      [`update credits.ledger_entry set reference = 'deposit:' where id = 1`],
      [`credit-is-not-its-entry: ${credit(1)}`, 'reference-is-malformed: entry 1'],
    ],
    ...[
      'usage:s:2026-01-01',
      'usage:2026-01-01T00Z',
      'storage:v:2026-01-01T00Z',
      'usage:s:2026-01-01T00Z ',
    ].map((reference): [string, string[], string[]] => [
      `a reference of usage that names no hour: ${reference}`,
      [
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
            values ('${OTHER}', split_part('${reference}', ':', 1), -7, '${reference}', now())`,
        `update credits.account set balance_micros = balance_micros - 7 where address = '${OTHER}'`,
      ],
      ['reference-is-malformed: entry 6', 'usage-is-not-its-entry: entry 6'],
    ]),
    [
      'a reference of another kind',
      [`update credits.ledger_entry set reference = 'deposit:k:1' where id = 5`],
      ['adjustment-is-not-its-entry: adjustment "k"', 'reference-is-malformed: entry 5'],
    ],
    [
      'two entries whose references were exchanged',
      [
        `update credits.ledger_entry set reference = 'deposit:x:1' where id = 1`,
        `update credits.ledger_entry set reference = 'deposit:${idOf(1)}:1' where id = 3`,
        `update credits.ledger_entry set reference = 'deposit:${idOf(3)}:1' where id = 1`,
      ],
      [`credit-is-not-its-entry: ${credit(1)}`, `credit-is-not-its-entry: ${credit(3)}`],
    ],
    [
      'a reversal of less than was given',
      [
        'update credits.ledger_entry set micros = micros + 1 where id = 4',
        `update credits.account set balance_micros = balance_micros + 1 where address = '${PAYER}'`,
      ],
      ['reversal-is-not-exact: entry 4', `reversal-is-not-its-entry: ${credit(2)}`],
    ],
    [
      'a reversal of another entry',
      ['update credits.ledger_entry set reverses_entry_id = 1 where id = 4'],
      ['reversal-is-not-exact: entry 4', `reversal-is-not-its-entry: ${credit(2)}`],
    ],
    [
      'a reversal that its credit has forgotten',
      [`update credits.deposit_credit set reversal_entry_id = null where deposit_id = '${idOf(2)}'`],
      [`deposit-state-is-not-its-credits: ${deposit(2)}`, 'reversal-is-not-its-entry: entry 4'],
    ],
    [
      'a credit that claims a reversal which is none',
      [`update credits.deposit_credit set reversal_entry_id = 5 where deposit_id = '${idOf(3)}'`],
      [`deposit-state-is-not-its-credits: ${deposit(3)}`, `reversal-is-not-its-entry: ${credit(3)}`],
    ],
    [
      'a credit deleted',
      [`delete from credits.deposit_credit where deposit_id = '${idOf(1)}'`],
      ['credit-is-not-its-entry: entry 1', `deposit-state-is-not-its-credits: ${deposit(1)}`],
    ],
    [
      'a credited deposit set back to pending',
      [`update credits.deposit set state = 'pending', credit_micros = null where id = '${idOf(1)}'`],
      [`deposit-state-is-not-its-credits: ${deposit(1)}`],
    ],
    [
      'a pending deposit called credited',
      [`update credits.deposit set state = 'credited', credit_micros = 5 where id = '${idOf(4)}'`],
      [`deposit-state-is-not-its-credits: ${deposit(4)}`],
    ],
    [
      'a deposit that shows other micros than its credit',
      [`update credits.deposit set credit_micros = credit_micros + 1 where id = '${idOf(1)}'`],
      [`deposit-state-is-not-its-credits: ${deposit(1)}`],
    ],
    [
      'a deposit’s count of attempts changed',
      [`update credits.deposit set attempt = 0 where id = '${idOf(1)}'`],
      [`deposit-state-is-not-its-credits: ${deposit(1)}`],
    ],
    [
      'a deposit’s payer changed',
      [`update credits.deposit set payer = '${OTHER}' where id = '${idOf(1)}'`],
      [
        `credit-is-not-its-entry: ${credit(1)}`,
        `credit-is-not-its-quote: ${credit(1)}`,
        `deposit-id-is-not-its-key: ${deposit(1)}`,
      ],
    ],
    [
      'a deposit’s rail changed',
      [`update credits.deposit set rail = 'eth:1' where id = '${idOf(4)}'`],
      [`deposit-id-is-not-its-key: ${deposit(4)}`],
    ],
    [
      'a deposit deleted',
      [`delete from credits.deposit where id = '${idOf(1)}'`],
      [`credit-is-not-its-entry: ${credit(1)}`, `credit-is-not-its-quote: ${credit(1)}`],
    ],
    [
      'a credit’s amount changed',
      [`update credits.deposit_credit set amount_base_units = 2000000 where deposit_id = '${idOf(1)}'`],
      [`credit-is-not-its-quote: ${credit(1)}`],
    ],
    [
      'a quote’s credit changed',
      [
        `update credits.deposit_credit set quote = jsonb_set(quote, '{creditMicros}', '"1"') where deposit_id = '${idOf(1)}'`,
      ],
      [`credit-is-not-its-quote: ${credit(1)}`],
    ],
    [
      'a quote’s rate changed',
      [
        `update credits.deposit_credit set quote = jsonb_set(quote, '{price,microsPerBaseUnit,numerator}', '"3601"')
          where deposit_id = '${idOf(1)}'`,
      ],
      [`credit-is-not-its-quote: ${credit(1)}`],
    ],
    [
      'a quote lost',
      [`update credits.deposit_credit set quote = '{}' where deposit_id = '${idOf(3)}'`],
      [`credit-is-not-its-quote: ${credit(3)}`],
    ],
    [
      'everything about a credit raised alike, but for the rate',
      [
        'update credits.ledger_entry set micros = micros + 1 where id = 1',
        `update credits.account set balance_micros = balance_micros + 1 where address = '${PAYER}'`,
        `update credits.deposit set credit_micros = credit_micros + 1 where id = '${idOf(1)}'`,
        `update credits.deposit_credit set micros = micros + 1,
          quote = jsonb_set(quote, '{creditMicros}', '"3600000001"') where deposit_id = '${idOf(1)}'`,
      ],
      [`credit-is-not-its-quote: ${credit(1)}`],
    ],
    [
      'a deposit credited twice, past the dropped index',
      [
        'drop index credits.deposit_credit_stands_at_most_once',
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          values ('${PAYER}', 'deposit', 3600000000, 'deposit:${idOf(1)}:2', now())`,
        `update credits.account set balance_micros = balance_micros + 3600000000 where address = '${PAYER}'`,
        `insert into credits.deposit_credit
          select deposit_id, 2, 6, null, amount_base_units, micros, quote, block_number, block_hash, now()
          from credits.deposit_credit where deposit_id = '${idOf(1)}'`,
      ],
      [`deposit-state-is-not-its-credits: ${deposit(1)}`, 'guard-is-missing: credits.deposit_credit'],
    ],
    [
      'one reference used twice, past the dropped index',
      [
        'drop index credits.ledger_entry_reference_is_unique',
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          values ('${OTHER}', 'adjustment', 7, 'adjustment:k', now())`,
        `update credits.account set balance_micros = balance_micros + 7 where address = '${OTHER}'`,
      ],
      [
        'adjustment-is-not-its-entry: entry 6',
        'guard-is-missing: credits.ledger_entry',
        'reference-is-not-unique: entry 6',
      ],
    ],
    [
      'the append-only trigger disabled',
      ['alter table credits.ledger_entry disable trigger ledger_entry_is_append_only'],
      ['guard-is-missing: credits.ledger_entry'],
    ],
    [
      'the balance trigger dropped',
      ['drop trigger ledger_entry_moves_balance on credits.ledger_entry'],
      ['guard-is-missing: credits.ledger_entry'],
    ],
    [
      'the account’s guard set to replication only',
      ['alter table credits.account enable replica trigger account_balance_is_guarded'],
      ['guard-is-missing: credits.account'],
    ],
  ])('%s', async (_what, statements, expected) => {
    const found = await differencesAfter(books.sql, async (tx) => {
      // What is undone gives no number of a sequence back.
      await tx`select setval('credits.ledger_entry_id_seq', (select max(id) from credits.ledger_entry))`
      for (const statement of statements) await tx.unsafe(statement)
    })
    // Other rules may name it too.
    expect(named(found)).toEqual(expect.arrayContaining(expected))
  })

  test('by what was expected and what was found', async () => {
    await writeGoodBooks(database.sql)
    await corrupt(`update credits.account set balance_micros = 1 where address = '${OTHER}'`)
    expect(await differences()).toEqual([
      {
        rule: 'balance-is-not-the-sum',
        subject: OTHER,
        detail: 'the balance is 1 micros, its entries sum to 7',
      },
    ])
  })

  test('a thousand at a time, every one of them', async () => {
    await corrupt(
      `insert into credits.account (address, balance_micros)
        select '0x' || lpad(n::text, 40, '0'), 1 from generate_series(1, 1234) n`,
    )
    expect(await differences()).toHaveLength(1234)
  })
})

describe('beyond one range', () => {
  // Some ranges of accounts, and of entries, 1 micro for each account.
  const addressOf = (n: number) => `0x${n.toString().padStart(40, '0')}`
  beforeEach(() =>
    corrupt(
      `insert into credits.account (address, balance_micros)
        select '0x' || lpad(n::text, 40, '0'), 1 from generate_series(1, 12000) n`,
      `insert into credits.ledger_entry (account, kind, micros, reference, details, event_at)
        select '0x' || lpad(n::text, 40, '0'), 'adjustment', 1, 'adjustment:' || n, '{"reason": "test"}', now() from generate_series(1, 12000) n`,
      `insert into credits.adjustment (idempotency_key, account, micros, reason, entry_id)
        select n, '0x' || lpad(n::text, 40, '0'), 1, 'test', n from generate_series(1, 12000) n`,
    ),
  )

  test('good books are in order, and every row is counted, with how many there are', async () => {
    const steps: VerificationStep[] = []
    const { checked, differences } = await verifyBooks(database.sql, (step) => steps.push(step))
    expect({ checked, differences }).toMatchObject({
      checked: { accounts: 12_000n, entries: 12_000n, adjustments: 12_000n },
      differences: 0,
    })
    const counts = steps.filter((step) => step.kind === 'checked' && step.what === 'accounts')
    expect(counts).toEqual(
      [0n, 5_000n, 10_000n, 12_000n].map((count) => ({
        kind: 'checked',
        what: 'accounts',
        count,
        of: 12_000n,
      })),
    )
  })

  test('a corruption at either side of each border, and beyond both ends, is named once', async () => {
    const accounts = [1, 5_000, 5_001, 10_000, 10_001, 12_000]
    const unknown = [0, 12_001].map(addressOf)
    await corrupt(
      `update credits.account set balance_micros = 2 where right(address, 40)::int in (${accounts.join()})`,
      `update credits.ledger_entry set reference = 'x' || id where id in (${accounts.join()})`,
      ...unknown.map(
        (address) => `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          values ('${address}', 'adjustment', 1, 'adjustment:${address}', now())`,
      ),
    )
    const found = (await differences()).filter(
      ({ rule }) => rule === 'balance-is-not-the-sum' || rule === 'reference-is-malformed',
    )
    expect(named(found)).toEqual(
      [
        ...[...accounts.map(addressOf), ...unknown].map((address) => `balance-is-not-the-sum: ${address}`),
        ...accounts.map((id) => `reference-is-malformed: entry ${id}`),
      ].sort(),
    )
  })
})

test('verification beside writers sees one moment and reports nothing', async () => {
  let writing = true
  let written = 0
  const writer = async (n: number) => {
    while (writing) {
      const amount = BigInt(++written)
      await adjust(database.sql, {
        wallet: n === 0 ? PAYER : OTHER,
        micros: amount,
        reason: 'load',
        idempotencyKey: `load-${n}-${amount}`,
      })
    }
  }
  const writers = [writer(0), writer(1)]
  try {
    for (let n = 0; n < 50; n++) {
      const { checked, differences } = await verifyBooks(database.sql)
      expect(differences).toBe(0)
      // Each adjustment is one entry: the two counts agree only when both are of the same moment.
      expect(checked.entries).toBe(checked.adjustments)
    }
  } finally {
    writing = false
    await Promise.all(writers)
  }
  expect(written).toBeGreaterThan(2)
})

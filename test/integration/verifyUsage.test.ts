import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { adjust } from '../../billing/ledger/adjust.ts'
import { accrueStorage, type StorageRate } from '../../billing/metering/accrueStorage.ts'
import { type MeterLimits, meterSessions } from '../../billing/metering/meterSessions.ts'
import { postUsage } from '../../billing/metering/postUsage.ts'
import { startSession } from '../../billing/metering/sessions.ts'
import { deleteVolume, putVolume } from '../../billing/metering/volumes.ts'
import type { Difference } from '../../billing/verify/differences.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { createMeterClock, type MeterClock } from '../support/createMeterClock.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { differencesAfter } from '../support/differencesAfter.ts'
import { readDifferences } from '../support/readDifferences.ts'

// Goal: every way in which metered usage and the ledger can part is named. Method: usage as the service writes it, posted
// and not, one corruption with triggers and foreign keys switched off, and the very differences that follow.

const ALICE = `0x${'a1'.repeat(20)}` as const
const BOB = `0x${'b2'.repeat(20)}` as const
const CAROL = `0x${'c3'.repeat(20)}` as const
const MINUTE = 60_000_000n
const limits: MeterLimits = {
  heartbeatIntervalMicros: 30_000_000n,
  heartbeatTimeoutMicros: 120_000_000n,
  graceMicros: 7_200_000_000n,
  gracePercent: 10,
  lowBalanceMinutes: 10,
}
const rate: StorageRate = {
  microsPerGibHour: { numerator: 3_000_000n, denominator: 1n },
  debtLimitMicros: 1_440n * MINUTE,
}
const GIB = 1n << 30n

let database: TestDatabase
let clock: MeterClock
async function open(): Promise<void> {
  database = await createTestDatabase()
  clock = await createMeterClock(database.sql)
}

/**
 * Alice runs `done`, which has ended, and `live`, which has not; Bob's volume `v` is Carol's after him. Entries: 1 and 2
 * adjustments; of the hour of midnight 3 and 4 usage of `done` and `live`, 5 storage of `v` for Bob. Of the hour after it,
 * `done` and `v` have unposted usage, `live` an open hour.
 */
async function writeGoodUsage(): Promise<void> {
  const { sql } = database
  for (const wallet of [ALICE, BOB])
    await adjust(sql, { wallet, micros: 1_000n * MINUTE, reason: 'test', idempotencyKey: wallet })
  for (const id of ['done', 'live'])
    await startSession(sql, limits, { id, account: ALICE, profile: 'small', gpus: 1 })
  await putVolume(sql, rate, { id: 'v', account: BOB, sizeBytes: 100n * GIB })
  await beatFor(3_600 + 600)
  await postUsage(sql)
  await meterSessions(sql, limits, ['done'], 'release')
  await deleteVolume(sql, rate, 'v')
  await putVolume(sql, rate, { id: 'v', account: CAROL, sizeBytes: GIB })
  await beatFor(60)
}

async function beatFor(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 60) {
    await clock.pass(60)
    await meterSessions(database.sql, limits, ['done', 'live'], 'beat')
    await accrueStorage(database.sql, rate)
  }
}

const differences = () => readDifferences(database.sql)

const named = (found: Difference[]) => found.map(({ rule, subject }) => `${rule}: ${subject}`).sort()

describe('a corruption is named', () => {
  beforeAll(async () => {
    await open()
    await writeGoodUsage()
  })
  afterAll(() => database.drop())

  const ofDone = "where source = 'session' and source_id = 'done'"
  const ofVolume = "where source = 'volume' and source_id = 'v'"
  const posted = 'and entry_id is not null'
  const unposted = 'and entry_id is null'

  test.each<[string, string[], string[]]>([
    [
      'a micro more held back than was used',
      [`update credits.meter set unposted_micros = unposted_micros + 1 where account = '${ALICE}'`],
      [`unposted-is-not-the-usage: ${ALICE}`],
    ],
    [
      'a micro less held back than was used',
      [`update credits.meter set unposted_micros = unposted_micros - 1 where account = '${CAROL}'`],
      [`unposted-is-not-the-usage: ${CAROL}`],
    ],
    [
      'a meter lost',
      [`delete from credits.meter where account = '${ALICE}'`],
      [`live-sessions-are-miscounted: ${ALICE}`, `unposted-is-not-the-usage: ${ALICE}`],
    ],
    [
      'a live session too many in the count',
      [`update credits.meter set live_sessions = 2 where account = '${ALICE}'`],
      [`live-sessions-are-miscounted: ${ALICE}`],
    ],
    [
      'a session said to be live where none is: its volumes would cost nothing',
      [`update credits.meter set live_sessions = 1, idle_since = null where account = '${CAROL}'`],
      [`live-sessions-are-miscounted: ${CAROL}`],
    ],
    [
      'an ended session woken',
      ["update credits.session set state = 'running', end_reason = null, ended_at = null where id = 'done'"],
      [`live-sessions-are-miscounted: ${ALICE}`],
    ],
    [
      'unposted usage deleted',
      [`delete from credits.usage ${ofDone} ${unposted}`],
      ['session-total-is-not-its-usage: session done', `unposted-is-not-the-usage: ${ALICE}`],
    ],
    [
      'unposted usage raised together with what is held back',
      [
        `update credits.usage set micros = micros + 5 ${ofDone} ${unposted}`,
        `update credits.meter set unposted_micros = unposted_micros + 5 where account = '${ALICE}'`,
      ],
      ['session-total-is-not-its-usage: session done'],
    ],
    [
      'usage moved to another account together with what is held back',
      [
        `update credits.meter m set unposted_micros = unposted_micros + case account when '${BOB}' then 1 else -1 end
          * (select micros from credits.usage ${ofDone} ${unposted}) where account in ('${ALICE}', '${BOB}')`,
        `update credits.usage set account = '${BOB}' ${ofDone} ${unposted}`,
      ],
      ['session-total-is-not-its-usage: session done', 'session-total-is-not-its-usage: session done'],
    ],
    [
      'usage out of nothing, of no session',
      [
        `insert into credits.usage (source, source_id, hour, account, micros)
          values ('session', 'nobody', '2026-01-01T00:00Z', '${BOB}', 5)`,
        `update credits.meter set unposted_micros = unposted_micros + 5 where account = '${BOB}'`,
      ],
      ['session-total-is-not-its-usage: session nobody'],
    ],
    [
      'usage out of nothing, of no volume',
      [
        `insert into credits.usage (source, source_id, hour, account, micros)
          values ('volume', 'nothing', '2026-01-01T00:00Z', '${BOB}', 5)`,
        `update credits.meter set unposted_micros = unposted_micros + 5 where account = '${BOB}'`,
      ],
      ['volume-total-is-not-its-usage: volume nothing'],
    ],
    [
      'a session’s total changed',
      ["update credits.session set total_billed_micros = total_billed_micros + 1 where id = 'live'"],
      ['session-total-is-not-its-usage: session live'],
    ],
    [
      'a session’s open hour changed',
      ["update credits.session set hour_micros = hour_micros - 1 where id = 'live'"],
      ['session-total-is-not-its-usage: session live', `unposted-is-not-the-usage: ${ALICE}`],
    ],
    [
      'a session deleted',
      ["delete from credits.session where id = 'done'"],
      ['session-total-is-not-its-usage: session done'],
    ],
    [
      'the last hour of an ended session left open, where nobody posts it',
      [
        `update credits.session set hour_micros = (select micros from credits.usage ${ofDone} ${unposted})
          where id = 'done'`,
        `delete from credits.usage ${ofDone} ${unposted}`,
      ],
      ['ended-session-has-an-open-hour: session done'],
    ],
    [
      'a volume’s total changed',
      ['update credits.volume set total_billed_micros = total_billed_micros - 1'],
      ['volume-total-is-not-its-usage: volume v'],
    ],
    ['a volume deleted', ['delete from credits.volume'], ['volume-total-is-not-its-usage: volume v']],
    [
      'posted usage raised',
      [`update credits.usage set micros = micros + 1 ${ofDone} ${posted}`],
      [
        'session-total-is-not-its-usage: session done',
        'usage-is-not-its-entry: usage of session done at 2026-01-01T00Z',
      ],
    ],
    [
      'posted usage that has forgotten its entry',
      [`update credits.usage set entry_id = null ${ofDone} ${posted}`],
      [`unposted-is-not-the-usage: ${ALICE}`, 'usage-is-not-its-entry: entry 3'],
    ],
    [
      'posted usage that has forgotten its entry, and is held back again',
      [
        `update credits.meter set unposted_micros = unposted_micros
          + (select micros from credits.usage ${ofDone} ${posted}) where account = '${ALICE}'`,
        `update credits.usage set entry_id = null ${ofDone} ${posted}`,
      ],
      ['usage-is-not-its-entry: entry 3'],
    ],
    [
      'usage called posted that is not',
      [`update credits.usage set entry_id = 1 ${ofDone} ${unposted}`],
      [
        `unposted-is-not-the-usage: ${ALICE}`,
        'usage-is-not-its-entry: usage of session done at 2026-01-01T01Z',
      ],
    ],
    [
      'the entries of two sessions exchanged',
      [
        `update credits.usage set entry_id = null where source = 'session' ${posted}`,
        `update credits.usage set entry_id = case source_id when 'done' then 4 else 3 end
          where source = 'session' and hour = '2026-01-01T00:00Z'`,
      ],
      [
        'usage-is-not-its-entry: usage of session done at 2026-01-01T00Z',
        'usage-is-not-its-entry: usage of session live at 2026-01-01T00Z',
      ],
    ],
    [
      'usage posted under another hour',
      ["update credits.ledger_entry set reference = 'usage:done:2026-01-01T05Z' where id = 3"],
      ['usage-is-not-its-entry: usage of session done at 2026-01-01T00Z'],
    ],
    [
      'usage posted to another account together with its balance',
      [
        `update credits.account a set balance_micros = balance_micros + case address when '${BOB}' then 1 else -1 end
          * (select micros from credits.ledger_entry where id = 3) where address in ('${ALICE}', '${BOB}')`,
        `update credits.ledger_entry set account = '${BOB}' where id = 3`,
      ],
      ['usage-is-not-its-entry: usage of session done at 2026-01-01T00Z'],
    ],
    [
      'usage posted as storage',
      [
        "update credits.ledger_entry set kind = 'storage', reference = 'storage:done:' || account || ':2026-01-01T00Z' where id = 3",
      ],
      ['usage-is-not-its-entry: usage of session done at 2026-01-01T00Z'],
    ],
    [
      'storage posted for another owner',
      [`update credits.ledger_entry set reference = 'storage:v:${CAROL}:2026-01-01T00Z' where id = 5`],
      ['usage-is-not-its-entry: usage of volume v at 2026-01-01T00Z'],
    ],
    [
      'an entry of usage deleted together with its share of the balance',
      [
        `update credits.account set balance_micros = balance_micros - (select micros from credits.ledger_entry where id = 3)
          where address = '${ALICE}'`,
        'delete from credits.ledger_entry where id = 3',
      ],
      ['usage-is-not-its-entry: usage of session done at 2026-01-01T00Z'],
    ],
    [
      'an entry of usage out of nothing',
      [
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          values ('${ALICE}', 'usage', -5, 'usage:done:2026-01-01T01Z', now())`,
        `update credits.account set balance_micros = balance_micros - 5 where address = '${ALICE}'`,
      ],
      ['usage-is-not-its-entry: entry 6'],
    ],
    [
      'usage posted twice, once as a credit: past every sum but its own',
      [
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          select account, 'usage', micros, 'usage:done:2025-12-31T00Z', now() from credits.ledger_entry where id = 3`,
        `insert into credits.ledger_entry (account, kind, micros, reference, event_at)
          select account, 'storage', -micros, 'storage:v:' || account || ':2025-12-31T00Z', now()
          from credits.ledger_entry where id = 3`,
      ],
      ['usage-is-not-its-entry: entry 6', 'usage-is-not-its-entry: entry 7'],
    ],
    ...['usage_is_kept', 'usage_is_not_truncated'].map((trigger): [string, string[], string[]] => [
      `the trigger ${trigger} disabled`,
      [`alter table credits.usage disable trigger ${trigger}`],
      ['guard-is-missing: credits.usage'],
    ]),
    ...['usage_source_source_id_account_hour_pk', 'usage_entry_id_unique'].map(
      (constraint): [string, string[], string[]] => [
        `the constraint ${constraint} dropped`,
        [`alter table credits.usage drop constraint ${constraint}`],
        ['guard-is-missing: credits.usage'],
      ],
    ),
    ...['meter', 'session', 'volume'].map((table): [string, string[], string[]] => [
      `the primary key of ${table} dropped`,
      [`alter table credits.${table} drop constraint ${table}_pkey cascade`],
      [`guard-is-missing: credits.${table}`],
    ]),
  ])('%s', async (_what, statements, expected) => {
    const found = await differencesAfter(database.sql, async (tx) => {
      // What is undone gives no number of a sequence back.
      await tx`select setval('credits.ledger_entry_id_seq', (select max(id) from credits.ledger_entry))`
      for (const statement of statements) await tx.unsafe(statement)
    })
    // Other rules may name it too.
    expect(named(found)).toEqual(expect.arrayContaining(expected))
  })

  test('by what was expected and what was found', async () => {
    const found = await differencesAfter(database.sql, async (tx) => {
      await tx.unsafe(`update credits.meter set unposted_micros = 7 where account = '${BOB}'`)
      await tx.unsafe(`update credits.usage set micros = 9 ${ofVolume} and account = '${BOB}' ${posted}`)
    })
    expect(found.filter(({ subject }) => subject !== 'function credits.wall_clock')).toEqual([
      {
        rule: 'unposted-is-not-the-usage',
        subject: BOB,
        detail: '7 micros are held back from the balance, its unposted usage sums to 55000000',
      },
      {
        rule: 'volume-total-is-not-its-usage',
        subject: 'volume v',
        detail: '350050000 micros in all, but its usage sums to 55050009',
      },
      {
        rule: 'usage-is-not-its-entry',
        subject: 'usage of volume v at 2026-01-01T00Z',
        detail: `9 micros of ${BOB}, but its entry 5 is "storage:v:${BOB}:2026-01-01T00Z", -295000000 micros of ${BOB} at 2026-01-01 01:00:00+00, with {"hour": "2026-01-01T00:00:00.000Z", "volumeId": "v"}`,
      },
    ])
  })
})

describe('beside what the service writes', () => {
  beforeEach(open)
  afterEach(() => database.drop())

  test('usage as the service writes it is in order, before it is posted and after, and all of it was looked at', async () => {
    await writeGoodUsage()
    expect(await differences()).toEqual([])
    expect((await verifyBooks(database.sql)).checked).toMatchObject({
      accounts: 3n,
      entries: 5n,
      meters: 3n,
      sessions: 2n,
      volumes: 1n,
      postings: 3n,
    })
    await meterSessions(database.sql, limits, ['live'], 'release')
    await clock.pass(2 * 3_600)
    await postUsage(database.sql)
    expect(await differences()).toEqual([])
    expect((await verifyBooks(database.sql)).checked).toMatchObject({ entries: 9n, postings: 7n })
    const [held] = await database.sql`select sum(unposted_micros)::int as micros from credits.meter`
    expect(held?.micros).toBe(0)
  })

  test('verification beside heartbeats, accrual and posting sees one moment and reports nothing', async () => {
    const { sql } = database
    for (const wallet of [ALICE, BOB])
      await adjust(sql, { wallet, micros: 100_000n * MINUTE, reason: 'test', idempotencyKey: wallet })
    const ids = Array.from({ length: 20 }, (_, n) => `s${n}`)
    for (const id of ids) await startSession(sql, limits, { id, account: ALICE, profile: 'small', gpus: 1 })
    await putVolume(sql, rate, { id: 'v', account: BOB, sizeBytes: GIB })
    let writing = true
    let rounds = 0
    const write = async () => {
      for (; writing; rounds += 1) {
        await clock.pass(100)
        await meterSessions(sql, limits, ids, 'beat')
        await accrueStorage(sql, rate)
        if (rounds % 7 === 0) await postUsage(sql)
      }
    }
    const writer = write()
    try {
      for (let n = 0; n < 30; n++) expect(await readDifferences(sql)).toEqual([])
    } finally {
      writing = false
      await writer
    }
    expect(rounds).toBeGreaterThan(2)
  })
})

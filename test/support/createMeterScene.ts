import type { Address } from 'viem'
import { connect, type Sql } from '../../billing/database/connect.ts'
import { adjust } from '../../billing/ledger/adjust.ts'
import type { StorageRate } from '../../billing/metering/accrueStorage.ts'
import { type MeterAction, type MeterLimits, meterSessions } from '../../billing/metering/meterSessions.ts'
import { readAccount } from '../../billing/metering/readAccount.ts'
import { startSession } from '../../billing/metering/sessions.ts'
import { createMeterClock, type MeterClock } from './createMeterClock.ts'
import { createTestDatabase, type TestDatabase } from './createTestDatabase.ts'
import { creditTestDeposit } from './creditTestDeposit.ts'

/** The books of one account, added up from their rows. */
export interface Books {
  entries: bigint
  unpostedUsage: bigint
  unposted: bigint
  balance: bigint
  billed: bigint
  used: bigint
}

/** A database with a clock in the test's hands, and verbs for what metering does, with the default settings' limits. */
export type MeterScene = Awaited<ReturnType<typeof createMeterScene>>

/** The limits of the default settings. */
export const limits: MeterLimits = {
  heartbeatIntervalMicros: 30_000_000n,
  heartbeatTimeoutMicros: 120_000_000n,
  graceMicros: 7_200_000_000n,
  gracePercent: 10,
  lowBalanceMinutes: 10,
}
/** The rate of the default settings: 0.05 minutes per GiB and hour, up to 1440 minutes of debt. */
export const rate: StorageRate = {
  microsPerGibHour: { numerator: 3_000_000n, denominator: 1n },
  debtLimitMicros: 86_400_000_000n,
}

export async function createMeterScene() {
  const database: TestDatabase = await createTestDatabase()
  const { sql } = database
  const clock: MeterClock = await createMeterClock(sql)
  const others: Sql[] = []
  let keys = 0

  function nextKey(): string {
    keys += 1
    return `test-${keys}`
  }

  /** Another process's connections. */
  function anotherPool(max?: number): Sql {
    const pool = connect(database.url, { applicationName: 'other', ...(max === undefined ? {} : { max }) })
    others.push(pool)
    return pool
  }

  /** An adjustment: it gives or takes, and refills no grace. */
  async function give(wallet: Address, micros: bigint, on: Sql = sql): Promise<void> {
    const idempotencyKey = nextKey()
    const given = await adjust(on, { wallet, micros, reason: 'test', idempotencyKey })
    if (given.kind !== 'posted') throw new Error(`an adjustment was ${given.kind}`)
  }

  /** Credits a deposit by the gate's own code. Returns a word that names it. */
  async function deposit(payer: Address, micros: bigint, on: Sql = sql): Promise<string> {
    const word = nextKey()
    await creditTestDeposit(on, limits, { payer, micros, word })
    return word
  }

  /** Leaves an account whose deposits bought so much, and who has spent it all: there is grace for it. */
  async function bought(account: Address, minutes: bigint): Promise<void> {
    await deposit(account, minutes * 60_000_000n)
    await give(account, -minutes * 60_000_000n)
  }

  /** Asks at once: what the driver hands out is asked only when it is waited for. */
  const act = async (action: MeterAction, ids: string[], on: Sql = sql) =>
    await meterSessions(on, limits, ids, action)

  async function beatOne(id: string) {
    const [session] = await act('beat', [id])
    if (session === undefined) throw new Error(`there is no session ${id}`)
    return session
  }

  /** Beats every 30 seconds until so much time is over. */
  async function run(seconds: number, ...ids: string[]): Promise<void> {
    for (let left = seconds; left > 0; left -= 30) {
      await clock.pass(Math.min(left, 30))
      await act('beat', ids)
    }
  }

  async function books(account: Address): Promise<Books> {
    const [row] = await sql<Books[]>`
      select
        (select coalesce(sum(micros), 0)::bigint from credits.ledger_entry where account = a.address) as entries,
        ((select coalesce(sum(micros), 0) from credits.usage where account = a.address and entry_id is null)
          + (select coalesce(sum(hour_micros), 0) from credits.session where account = a.address))::bigint as "unpostedUsage",
        coalesce(m.unposted_micros, 0) as unposted,
        a.balance_micros - coalesce(m.unposted_micros, 0) as balance,
        (select coalesce(sum(total_billed_micros), 0)::bigint from credits.session where account = a.address) as billed,
        ((select coalesce(sum(micros), 0) from credits.usage where account = a.address and source = 'session')
          + (select coalesce(sum(hour_micros), 0) from credits.session where account = a.address))::bigint as used
      from credits.account a left join credits.meter m on m.account = a.address where a.address = ${account}`
    if (row === undefined) throw new Error(`${account} has no account`)
    return { ...row }
  }

  return {
    database,
    sql,
    clock,
    limits,
    rate,
    anotherPool,
    give,
    deposit,
    bought,
    start: (id: string, account: Address, gpus = 1, on: Sql = sql) =>
      startSession(on, limits, { id, account, profile: `gpu-${gpus}`, gpus }),
    act,
    beatOne,
    run,
    books,
    read: (account: Address) => readAccount(sql, limits, account),
    events: async (account: Address, kinds: string[]) => {
      const rows = await sql<{ kind: string; payload: Record<string, unknown> }[]>`
        select kind, payload from credits.outbox_event
        where account = ${account} and kind = any(${kinds}::text[]) order by id`
      return rows.map((row) => ({ ...row }))
    },
    async stop() {
      await Promise.all(others.map((pool) => pool.end({ timeout: 1 })))
      await database.drop()
    },
  }
}

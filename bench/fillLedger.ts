import type { Sql } from '../billing/database/connect.ts'
import { addressSql } from './addressSql.ts'

export interface Filling {
  accounts: number
  entriesPerAccount: number
  say: (text: string) => void
}

/** What the first entry of an account gives: years, so that nothing runs out during a measurement. */
const GIVEN_MICROS = 100_000_000_000_000n
/** What each of the others takes. */
const TAKEN_MICROS = 60_000_000n
const ACCOUNTS_PER_STATEMENT = 100_000

/**
 * Fills an empty ledger with accounts, each with entries, a meter, an ended session and the right balance. Fast: by
 * set-based SQL with the triggers off and the indexes created afterwards; the balances are checked at the end.
 */
export async function fillLedger(sql: Sql, { accounts, entriesPerAccount, say }: Filling): Promise<void> {
  const startedAt = performance.now()
  const indexes = await sql<{ name: string; definition: string }[]>`
    select format('%I.%I', schemaname, indexname) as name, indexdef as definition from pg_indexes
    where schemaname = 'credits' and tablename = 'ledger_entry' and indexname not in (select conname from pg_constraint)`
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`)
  for (let from = 0; from < accounts; from += ACCOUNTS_PER_STATEMENT) {
    const to = Math.min(from + ACCOUNTS_PER_STATEMENT, accounts)
    await fillSome(sql, from, to, entriesPerAccount)
    if (accounts > ACCOUNTS_PER_STATEMENT) say(`${to} accounts after ${seconds(startedAt)}`)
  }
  for (const { definition } of indexes)
    await sql.begin(async (transaction) => {
      await transaction`set local maintenance_work_mem = '512MB'`
      await transaction.unsafe(definition)
    })
  await sql`vacuum analyze`
  const [{ wrong } = { wrong: -1n }] = await sql<{ wrong: bigint }[]>`
    select count(*) as wrong from credits.account a
    full join (select account, sum(micros) as micros from credits.ledger_entry group by account) e on e.account = a.address
    where a.balance_micros is distinct from e.micros`
  if (wrong !== 0n) throw new Error(`${wrong} filled balances are not the sum of their entries`)
  await sql`checkpoint`
  say(`${accounts} accounts and ${accounts * entriesPerAccount} entries took ${seconds(startedAt)}`)
}

async function fillSome(sql: Sql, from: number, to: number, entriesPerAccount: number): Promise<void> {
  const balance = GIVEN_MICROS - BigInt(entriesPerAccount - 1) * TAKEN_MICROS
  await sql.begin(async (transaction) => {
    await transaction`set local session_replication_role = replica`
    const numbers = `generate_series(${from}, ${to - 1}) as n`
    await transaction.unsafe(`
      insert into credits.account (address, balance_micros) select ${addressSql('n')}, ${balance} from ${numbers}`)
    await transaction.unsafe(`
      insert into credits.ledger_entry (account, kind, micros, reference, event_at)
      select ${addressSql('n')}, 'adjustment', case k when 1 then ${GIVEN_MICROS} else -${TAKEN_MICROS} end,
        'adjustment:bench-' || n || '-' || k, now()
      from generate_series(1, ${entriesPerAccount}) as k, ${numbers}`)
    await transaction.unsafe(`
      insert into credits.meter (account, idle_since) select ${addressSql('n')}, now() from ${numbers}`)
    await transaction.unsafe(`
      insert into credits.session (id, account, profile, gpus, state, end_reason, started_at, billed_through,
        last_beat_at, hour, ended_at)
      select 'ended-' || n, ${addressSql('n')}, 'small', 1, 'ended', 'released', t - interval '1 hour', t, t,
        date_trunc('hour', t), t
      from ${numbers}, (select now() as t) as time`)
  })
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(0)} s`
}

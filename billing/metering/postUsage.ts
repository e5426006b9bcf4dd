import type { Sql } from '../database/connect.ts'
import { postEntries } from '../ledger/post.ts'

/** Rows of usage that one transaction posts. */
const MAX_ROWS_PER_TRANSACTION = 500

/** How long an hour must be over before it is posted, so that a clock set back a little does not return to a closed hour. */
const MIN_TIME_SINCE_HOUR = '5 minutes'

interface UsageRow {
  source: 'session' | 'volume'
  sourceId: string
  hour: Date
  account: string
  micros: bigint
}

/**
 * Posts usage to the ledger: one entry per session or volume and hour, once the hour is over. It does not change what an
 * account may spend. Returns how many entries were posted.
 *
 * Each row is posted at most once: its account and meter are locked and it must not be posted yet, an entry's reference is
 * unique, and a row that has its entry can no longer change (`usage_is_kept`).
 */
export async function postUsage(sql: Sql): Promise<number> {
  await closeHours(sql)
  let posted = 0
  for (;;) {
    const count = await postSome(sql)
    posted += count
    if (count < MAX_ROWS_PER_TRANSACTION) return posted
  }
}

/** Makes a row of the usage of each hour that is over, also for sessions whose next heartbeat is still to come. */
async function closeHours(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    const accounts = await tx<{ account: string }[]>`
      select distinct account from credits.session
      where state <> 'ended' and hour_micros > 0 and hour < date_trunc('hour', credits.metering_now() - ${MIN_TIME_SINCE_HOUR}::interval, 'UTC')
      order by account`
    if (accounts.length === 0) return
    const names = accounts.map(({ account }) => account)
    await tx`select 1 from credits.meter where account = any(${names}::text[]) order by account for update`
    await tx`
      with due as (
        select id, hour, account, hour_micros from credits.session
        where account = any(${names}::text[]) and state <> 'ended' and hour_micros > 0
          and hour < date_trunc('hour', credits.metering_now() - ${MIN_TIME_SINCE_HOUR}::interval, 'UTC')
      ), closed as (
        insert into credits.usage (source, source_id, hour, account, micros)
        select 'session', id, hour, account, hour_micros from due
        on conflict (source, source_id, account, hour) do update set micros = credits.usage.micros + excluded.micros
      )
      update credits.session s set hour_micros = 0 from due where s.id = due.id`
  })
}

async function postSome(sql: Sql): Promise<number> {
  return sql.begin(async (tx) => {
    const accounts = await tx<{ account: string }[]>`
      select distinct account from (
        select account from credits.usage
        where entry_id is null and hour < date_trunc('hour', credits.metering_now() - ${MIN_TIME_SINCE_HOUR}::interval, 'UTC')
        order by hour, account limit ${MAX_ROWS_PER_TRANSACTION}
      ) due order by account`
    if (accounts.length === 0) return 0
    const names = accounts.map(({ account }) => account)
    // Accounts before meters, both in sorted order, as a credit that refills the grace does too.
    await tx`select 1 from credits.account where address = any(${names}::text[]) order by address for update`
    await tx`select 1 from credits.meter where account = any(${names}::text[]) order by account for update`
    const rows = await tx<UsageRow[]>`
      select source, source_id as "sourceId", hour, account, micros from credits.usage
      where entry_id is null and account = any(${names}::text[])
        and hour < date_trunc('hour', credits.metering_now() - ${MIN_TIME_SINCE_HOUR}::interval, 'UTC')
      order by account, hour, source, source_id limit ${MAX_ROWS_PER_TRANSACTION}`
    const posted = await postEntries(
      tx,
      rows.map((row) => ({
        account: row.account,
        kind: row.source === 'session' ? ('usage' as const) : ('storage' as const),
        micros: -row.micros,
        reference: referenceOf(row),
        details: { [`${row.source}Id`]: row.sourceId, hour: row.hour.toISOString() },
        eventAt: new Date(row.hour.getTime() + HOUR_MS),
      })),
    )
    const ids = new Map(posted.map(({ id, reference }) => [reference, id]))
    const settled = rows.map((row) => ({
      source: row.source,
      source_id: row.sourceId,
      hour: row.hour.toISOString(),
      account: row.account,
      entry_id: String(ids.get(referenceOf(row))),
    }))
    await tx`
      with settled as (
        select * from jsonb_to_recordset(${tx.json(settled)}) as row (
          source text, source_id text, hour timestamptz, account text, entry_id bigint)
      ), kept as (
        update credits.usage u set entry_id = settled.entry_id from settled
        where u.source = settled.source and u.source_id = settled.source_id and u.hour = settled.hour
          and u.account = settled.account
        returning u.account, u.micros
      )
      update credits.meter m set unposted_micros = m.unposted_micros - posted.micros
      from (select account, sum(micros)::bigint as micros from kept group by account) posted
      where m.account = posted.account`
    return rows.length
  })
}

const HOUR_MS = 3_600_000

/** `usage:<session>:<hour>` and `storage:<volume>:<account>:<hour>`: a volume may change hands within an hour. */
function referenceOf({ source, sourceId, account, hour }: UsageRow): string {
  const at = `${hour.toISOString().slice(0, 13)}Z`
  return source === 'session' ? `usage:${sourceId}:${at}` : `storage:${sourceId}:${account}:${at}`
}

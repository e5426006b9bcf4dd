import type { Sql } from '../../billing/database/connect.ts'

/** The clock of everything metered, in the test's hands. */
export interface MeterClock {
  /** Lets time go by while heartbeats could be received all along. */
  pass(seconds: number): Promise<void>
  /**
   * Lets time go by while nobody ticked: a downtime of ours, of which the first tick afterwards tells, and for which a chain
   * vouches at once.
   */
  passUnheard(seconds: number): Promise<void>
  /** The machine's clock is set to another time; no time goes by. Nobody has noticed until the next tick. */
  jump(seconds: number): Promise<void>
  now(): Promise<Date>
}

/**
 * Takes the clock of a database: its `credits.wall_clock()` stands still unless told. Starts at a full hour, with
 * heartbeats having been receivable for a day.
 */
export async function createMeterClock(sql: Sql, startsAt = '2026-01-01T00:00:00Z'): Promise<MeterClock> {
  await sql.unsafe(`
    create table public.test_clock (at timestamptz not null);
    insert into public.test_clock values ('${startsAt}');
    create or replace function credits.wall_clock() returns timestamptz language sql volatile
      as 'select at from public.test_clock';
    update credits.metering_clock set alive_at = '${startsAt}', alive_since = '${startsAt}'::timestamptz - interval '1 day';
  `)
  const move = (seconds: number) => sql`
    update public.test_clock set at = at + ${String(seconds)}::numeric * interval '1 second'`
  return {
    async pass(seconds) {
      await move(seconds)
      await sql`
        update credits.metering_clock
        set alive_at = credits.wall_clock() - (skew_micros - vouched_micros) * interval '1 microsecond'`
    },
    async passUnheard(seconds) {
      await move(seconds)
      await sql`select credits.tick(null, 0)`
      await sql`select credits.vouch(credits.wall_clock())`
    },
    async jump(seconds) {
      await move(seconds)
    },
    async now() {
      const [row] = await sql<{ now: Date }[]>`select credits.metering_now() as now`
      if (row === undefined) throw new Error('the clock does not answer')
      return row.now
    },
  }
}

import type { Sql } from '../database/connect.ts'

/** Deletes messages and tokens that have expired. They are good for nothing by then: only room is saved. */
export async function purgeSignIns(sql: Sql): Promise<void> {
  await sql`delete from credits.sign_in_challenge where expires_at <= clock_timestamp()`
  await sql`delete from credits.wallet_token where expires_at <= clock_timestamp()`
}

import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'

const PURGED_EVERY_MS = 60_000

/** Purges once a minute until stopped. Only the leader does, to save work. A round that fails is tried at its next time. */
export async function runSignInPurge(
  sql: Sql,
  { stop, onProblem }: { stop: AbortSignal; onProblem: (error: unknown) => void },
): Promise<void> {
  while (!stop.aborted) {
    await purgeSignIns(sql).catch(onProblem)
    await pause(PURGED_EVERY_MS, stop)
  }
}

/** Deletes messages and tokens that have expired. They are good for nothing by then: only room is saved. */
export async function purgeSignIns(sql: Sql): Promise<void> {
  await sql`delete from credits.sign_in_challenge where expires_at <= clock_timestamp()`
  await sql`delete from credits.wallet_token where expires_at <= clock_timestamp()`
}

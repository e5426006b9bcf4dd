import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'

const PURGE_INTERVAL_MS = 60_000

/** Purges once a minute until stopped. Only the leader does, to save work. A failed round is retried at the next one. */
export async function runSignInPurge(
  sql: Sql,
  { stop, onProblem }: { stop: AbortSignal; onProblem: (error: unknown) => void },
): Promise<void> {
  while (!stop.aborted) {
    await purgeSignIns(sql).catch(onProblem)
    await pause(PURGE_INTERVAL_MS, stop)
  }
}

/** Deletes expired messages and tokens. They are worthless by then; deleting them only saves space. */
export async function purgeSignIns(sql: Sql): Promise<void> {
  await sql`delete from credits.sign_in_challenge where expires_at <= clock_timestamp()`
  await sql`delete from credits.wallet_token where expires_at <= clock_timestamp()`
}

import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'
import { purgeSignIns } from './purgeSignIns.ts'

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

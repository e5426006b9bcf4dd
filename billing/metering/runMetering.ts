import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'
import { expireSessions } from '../sessions/expireSessions.ts'
import type { MeterLimits } from '../sessions/meterLimits.ts'
import type { StorageRate } from '../storage/storageRate.ts'
import { accrueStorage } from './accrueStorage.ts'
import { postUsage } from './postUsage.ts'

const EXPIRED_EVERY_MS = 2_000
const ACCRUED_EVERY_MS = 30_000
const POSTED_EVERY_MS = 60_000

export interface MeteringOptions {
  limits: MeterLimits
  rate: StorageRate
  stop: AbortSignal
  /** Told of every round that fails. */
  onProblem: (what: string, error: unknown) => void
}

/**
 * Does what no caller asks for, until stopped: ends silent sessions, bills stored volumes, posts usage. Only the leader
 * runs it, to save work; two that both did would bill nothing twice. A round that fails is tried again at its next time.
 */
export async function runMetering(
  sql: Sql,
  { limits, rate, stop, onProblem }: MeteringOptions,
): Promise<void> {
  const jobs: [string, number, () => Promise<unknown>][] = [
    ['silent sessions could not be ended', EXPIRED_EVERY_MS, () => expireSessions(sql, limits)],
    ['stored volumes could not be billed', ACCRUED_EVERY_MS, () => accrueStorage(sql, rate)],
    ['usage could not be posted', POSTED_EVERY_MS, () => postUsage(sql)],
  ]
  await Promise.all(
    jobs.map(async ([what, everyMs, job]) => {
      while (!stop.aborted) {
        await job().catch((error: unknown) => onProblem(what, error))
        await pause(everyMs, stop)
      }
    }),
  )
}

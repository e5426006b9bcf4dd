import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'
import { forgetEvents } from './forgetEvents.ts'

const EVERY_MS = 10 * 60_000
/** Events of one transaction: some ten milliseconds. */
const AT_ONCE = 1_000

export interface ForgettingOptions {
  keepDays: number
  stop: AbortSignal
  /** Told of every round that fails. */
  onProblem: (error: unknown) => void
}

/**
 * Deletes events that are older than they are kept for, until stopped. Only the leader runs it, to save work. A round that
 * fails is tried again at its next time.
 */
export async function runForgetting(
  sql: Sql,
  { keepDays, stop, onProblem }: ForgettingOptions,
): Promise<void> {
  while (!stop.aborted) {
    try {
      let afterSeq: bigint | null = 0n
      while (afterSeq !== null && !stop.aborted) {
        const { nextSeq } = await forgetEvents(sql, { keepDays, afterSeq, limit: AT_ONCE })
        afterSeq = nextSeq
      }
    } catch (error) {
      onProblem(error)
    }
    await pause(EVERY_MS, stop)
  }
}

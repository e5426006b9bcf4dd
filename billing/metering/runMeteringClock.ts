import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'

const TICK_INTERVAL_MS = 1_000

/**
 * Ticks the metering clock once a second, until stopped. Every process that can receive heartbeats runs it: a tick says that
 * this process listens, and tells a jump of the machine's clock from time that passed, by a clock that does not jump. A
 * tick that fails is reported, once until one succeeds, and tried again; while none succeeds, nothing is billed and nothing
 * expires.
 *
 * Resolves after the first tick, and rejects if that one fails; `stopped` resolves when the loop has ended.
 */
export async function runMeteringClock(
  sql: Sql,
  { stop, onProblem }: { stop: AbortSignal; onProblem: (error: unknown) => void },
): Promise<{ stopped: Promise<void> }> {
  let last = await tick(sql, null)
  const run = async () => {
    let wasTold = false
    while (!stop.aborted) {
      await pause(TICK_INTERVAL_MS, stop)
      if (stop.aborted) return
      try {
        last = await tick(sql, last)
        wasTold = false
      } catch (error) {
        if (!wasTold) onProblem(error)
        wasTold = true
      }
    }
  }
  return { stopped: run() }
}

interface Tick {
  /** By the metering clock. */
  seen: Date
  /** By this process's monotonic clock, in milliseconds. */
  at: number
}

async function tick(sql: Sql, last: Tick | null): Promise<Tick> {
  const at = performance.now()
  const elapsedMicros = last === null ? 0n : BigInt(Math.round((at - last.at) * 1_000))
  const [row] = await sql<{ seen: Date }[]>`
    select credits.tick(${last?.seen ?? null}::timestamptz, ${elapsedMicros}) as seen`
  if (row === undefined) throw new Error('the metering clock did not answer')
  return { seen: row.seen, at }
}

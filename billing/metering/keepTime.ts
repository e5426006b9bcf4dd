import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'

const TICK_EVERY_MS = 1_000

/**
 * Keeps the metering clock ticking while this process can receive heartbeats, until stopped: it says that it listens, and
 * tells a jump of the machine's clock from time that went by, by a clock that does not jump. A tick that fails is
 * reported once and tried again; while none comes through, nothing is billed and nothing expires.
 *
 * Resolves after the first tick; `stopped` when it has ended.
 */
export async function keepTime(
  sql: Sql,
  { stop, onProblem }: { stop: AbortSignal; onProblem: (error: unknown) => void },
): Promise<{ stopped: Promise<void> }> {
  let last = await tick(sql, null)
  const run = async () => {
    let wasTold = false
    while (!stop.aborted) {
      await pause(TICK_EVERY_MS, stop)
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

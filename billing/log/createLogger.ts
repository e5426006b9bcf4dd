import { type Logger, type LoggerOptions, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from '../config/config.ts'

/**
 * Makes the log on stdout: one JSON object or one readable line per message, as LOG_FORMAT says. Without a component here,
 * each message names its own.
 *
 * The same warning or error again and again is written once: see {@link writeOnce}.
 */
export function createLogger(
  component: string | null,
  { logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>,
): Logger {
  const options = {
    level: logLevel,
    base: component === null ? null : { component },
    hooks: { logMethod: writeOnce() },
  }
  // Written synchronously, in this process: the last lines before an exit must not be lost.
  return logFormat === 'json'
    ? pino(options, pino.destination({ fd: 1, sync: true }))
    : pino(options, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }))
}

const WARN_LEVEL = 40
const FATAL_LEVEL = 60
/** How long further lines like one that was written are counted instead. */
const REPEAT_WINDOW_MS = 60_000
/** Lines that differ are written, however many: beyond this many at a time, without being remembered. */
const MAX_REMEMBERED = 1_000

type LogMethod = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>

/**
 * Makes the hook of pino that writes the same warning or error once a minute: the first at once, and how many more there
 * were (`repeated`) when the minute is over. The same are those of one level, text and facts; of an error, its stack does
 * not matter. What an attacker or an outage does a thousand times a second does not fill the disk, nor hide other lines.
 */
export function writeOnce(): LogMethod {
  const written = new Map<string, { repeated: number }>()
  return function logMethod(args, method, level) {
    if (level < WARN_LEVEL || level >= FATAL_LEVEL) {
      method.apply(this, args)
      return
    }
    const key = `${level} ${JSON.stringify([this.bindings(), args], withoutStack)}`
    const before = written.get(key)
    if (before !== undefined) {
      before.repeated += 1
      return
    }
    method.apply(this, args)
    if (written.size >= MAX_REMEMBERED) return
    const one = { repeated: 0 }
    written.set(key, one)
    const timer = setTimeout(() => {
      written.delete(key)
      if (one.repeated === 0) return
      const [facts, ...rest] = args as unknown as [unknown, ...unknown[]]
      const counted =
        typeof facts === 'object' && facts !== null
          ? [{ ...facts, repeated: one.repeated }, ...rest]
          : [{ repeated: one.repeated }, facts, ...rest]
      method.apply(this, counted as unknown as typeof args)
    }, REPEAT_WINDOW_MS)
    timer.unref()
  }
}

function withoutStack(name: string, value: unknown): unknown {
  if (name === 'stack') return undefined
  return typeof value === 'bigint' ? value.toString() : value
}

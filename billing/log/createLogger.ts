import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from '../config/config.ts'

/**
 * Makes the log on stdout: one JSON object or one readable line per message, as LOG_FORMAT says. Without a component here,
 * each message names its own.
 */
export function createLogger(
  component: string | null,
  { logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>,
): Logger {
  const options = { level: logLevel, base: component === null ? null : { component } }
  // Written synchronously, in this process: the last lines before an exit must not be lost.
  return logFormat === 'json'
    ? pino(options, pino.destination({ fd: 1, sync: true }))
    : pino(options, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }))
}

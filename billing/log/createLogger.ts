import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from '../config/config.ts'

/** The log on stdout: a JSON object or a readable line for each message, as LOG_FORMAT says. Without a component, each message names its own. */
export function createLogger(
  component: string | null,
  { logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>,
): Logger {
  const options = { level: logLevel, base: component === null ? null : { component } }
  // Written at once and in our own process: the last lines before an exit must not be lost.
  return logFormat === 'json'
    ? pino(options, pino.destination({ fd: 1, sync: true }))
    : pino(options, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }))
}

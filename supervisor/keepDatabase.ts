import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embeddedPostgres.ts'

export interface KeptDatabase {
  url(): string
  stop(patienceMs: number): Promise<void>
}

const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 10_000

/**
 * Runs the embedded PostgreSQL and starts it again when it ends.
 *
 * @param onMoved called when it came back at another URL, because something had taken its port meanwhile.
 * @throws when the first start fails: without a database there is no service.
 */
export async function keepDatabase(
  dataDir: string,
  logger: Logger,
  onMoved: () => void,
): Promise<KeptDatabase> {
  const log = logger.child({ component: 'postgres' })
  const passLine = (line: string) => {
    const [, severity, text] = /^\S+ \S+ UTC \[\d+\] (\w+):\s+(.*)$/.exec(line) ?? []
    if (severity === 'PANIC' || severity === 'FATAL') log.warn(text)
    else log.debug(text ?? line)
  }
  let stopping = false
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir, log: passLine })
  log.info('the embedded PostgreSQL runs')

  async function runRestarts(): Promise<void> {
    for (;;) {
      await server.exited
      if (stopping) return
      log.error('the embedded PostgreSQL ended unexpectedly; starting it again')
      await startAgain()
    }
  }

  async function startAgain(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !stopping; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        const before = server.url
        server = await startEmbeddedPostgres({ dataDir, log: passLine })
        log.info('the embedded PostgreSQL runs again')
        if (server.url !== before) onMoved()
        return
      } catch (error) {
        log.error(
          { error: error instanceof Error ? error.message : String(error) },
          'PostgreSQL does not start',
        )
        await wait(pauseMs)
      }
    }
  }

  const kept = runRestarts()
  return {
    url: () => server.url,
    async stop(patienceMs) {
      stopping = true
      await server.stop(patienceMs)
      // A start under way when we were told to stop must not leave a server behind until its guard ends it.
      await Promise.race([kept, wait(patienceMs)])
      await server.stop(patienceMs)
    },
  }
}

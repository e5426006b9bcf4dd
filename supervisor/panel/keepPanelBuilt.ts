import type { Logger } from 'pino'
import { buildPanel, isPanelFresh, panelFolder } from './buildPanel.ts'

/**
 * Builds the page if it is missing or older than its sources, while everything else starts: payments do not wait for a
 * page, and billing serves it as soon as it is there. If it cannot be built, the log says so and the service goes on.
 *
 * @returns a handle that cancels it.
 */
export function keepPanelBuilt(logger: Logger): { stop(): void } {
  const page = { mode: 'production', folder: panelFolder } as const
  if (isPanelFresh(page)) return { stop() {} }
  logger.info('the page is missing or older than its sources; building it')
  const begun = performance.now()
  const off = new AbortController()
  const tell = (error: string) => {
    if (!off.signal.aborted)
      logger.warn({ error }, 'the page could not be built; the service goes on without it')
  }
  buildPanel({ ...page, signal: off.signal }).then(
    (build) => {
      if (build.kind === 'impossible') tell(build.why)
      else logger.info({ ms: Math.round(performance.now() - begun) }, 'the page is built')
    },
    (error: unknown) => tell(error instanceof Error ? error.message : String(error)),
  )
  return { stop: () => off.abort() }
}

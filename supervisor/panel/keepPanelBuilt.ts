import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { isPanelFresh, panelFolder } from './buildPanel.ts'

const build = fileURLToPath(new URL('../build.ts', import.meta.url))

/**
 * Builds the page where it is missing or older than its sources, in a process of its own, beside the start of everything
 * else: payments do not wait for a page, and billing serves it as soon as it is there. Where it can not be built, the log
 * says so and the service goes on.
 *
 * @returns what stops it.
 */
export function keepPanelBuilt(logger: Logger): { stop(): void } {
  if (isPanelFresh({ mode: 'production', folder: panelFolder })) return { stop() {} }
  logger.info('the page is missing or older than its sources; building it')
  const begun = performance.now()
  const child: ChildProcess = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), build], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2_000)
  })
  let stopped = false
  child.once('error', (error) => logger.warn({ reason: error.message }, 'the page can not be built'))
  child.once('close', (code) => {
    if (stopped) return
    if (code === 0) logger.info({ ms: Math.round(performance.now() - begun) }, 'the page is built')
    else logger.warn({ reason: complaint.trim() }, 'the page could not be built; the service goes on without')
  })
  return {
    stop() {
      stopped = true
      child.kill('SIGKILL')
    },
  }
}

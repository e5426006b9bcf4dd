import { fileURLToPath } from 'node:url'
import { buildPanel } from '../supervisor/panel/buildPanel.ts'
import { type DemoFront, startDemoFront } from './startDemoFront.ts'

const folder = fileURLToPath(new URL('dist', import.meta.url))

/**
 * Builds the page with the test wallet if necessary, and serves it in front of the service.
 *
 * @param port the port of the page.
 */
export async function startDemoPage(options: {
  port: number
  rpcUrl: string
  serviceUrl: string
  interrupted: AbortSignal
}): Promise<DemoFront> {
  const build = await buildPanel({ mode: 'demo', folder, signal: options.interrupted })
  switch (build.kind) {
    case 'built':
    case 'fresh':
      return startDemoFront({ ...options, panelFolder: folder })
    case 'impossible':
      throw new Error(`the page cannot be built: ${build.why}`)
  }
}

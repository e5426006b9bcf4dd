import { chmod, mkdtemp, readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { startDemoChain } from '../demo/demoChain.ts'
import { removeFolder } from '../demo/removeFolder.ts'
import { startDemoFront } from '../demo/startDemoFront.ts'
import { startDemoService } from '../demo/startDemoService.ts'
import { freePort } from '../supervisor/freePort.ts'
import { buildPanel, panelFolder } from '../supervisor/panel/buildPanel.ts'
import { type Browser, startBrowser, viewports } from '../test/support/startBrowser.ts'
import { waitUntil } from '../test/support/waitUntil.ts'
import { type Benchmark, type Measurement, percentile } from './benchmark.ts'

const VISITS = 15
const TARGET_KIB = 90
/** A mid-range phone on a mobile network. */
const CPU_SLOWDOWN = 4
const NETWORK = { offline: false, latency: 40, downloadThroughput: 1_250_000, uploadThroughput: 625_000 }

/**
 * Text, not a function: a loader may rewrite functions to use helpers that the page does not have. Announces a wallet as
 * an extension does; `__sinceStart` becomes the milliseconds from the start of the navigation to the frame in which the
 * element is there and can be used.
 */
const watchFor = (selector: string) => `
  const detail = Object.freeze({
    info: { uuid: 'b8a4c2de-0000-4000-8000-000000000001', name: 'Bench', rdns: 'bench.wallet', icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>' },
    provider: { request: async () => [], on() {}, removeListener() {} },
  })
  const announce = () => dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
  addEventListener('eip6963:requestProvider', announce)
  const look = () => {
    if (document.querySelector(${JSON.stringify(selector)}) === null) return requestAnimationFrame(look)
    requestAnimationFrame(() => { globalThis.__sinceStart = performance.now() })
  }
  look()`

/** How soon the page can be used, on the demo's service, and how much it has to load for that. */
export const panel: Benchmark = {
  name: 'panel',
  summary: `the page: from the click on a link to a wallet that can be connected, over ${VISITS} first visits; size`,
  async run(say, { scale }) {
    const build = await buildPanel({ mode: 'production', folder: panelFolder })
    if (build.kind === 'impossible') throw new Error(build.why)
    const folder = await mkdtemp(join(tmpdir(), 'credits-bench-panel-'))
    // When run as root, PostgreSQL runs as another user, who must be able to enter.
    await chmod(folder, 0o755)
    const over = new AbortController()
    const chain = await startDemoChain(over.signal)
    const browser = await startBrowser()
    const [port, barePort, servicePort] = [await freePort(), await freePort(), await freePort()]
    const place = { port: servicePort, publicUrl: `http://localhost:${port}`, trustProxy: 1 }
    const service = await startDemoService(chain, folder, place, over.signal)
    const shared = { rpcUrl: chain.rpcUrl, serviceUrl: service.baseUrl }
    const front = await startDemoFront({ ...shared, port, panelFolder })
    // For a folder without a page it serves a heading and two sentences.
    const bare = await startDemoFront({ ...shared, port: barePort, panelFolder: folder })
    try {
      const visits = Math.max(3, Math.round(VISITS * scale))
      const times = { page: [] as number[], bare: [] as number[] }
      for (let visit = 0; visit < visits; visit += 1) {
        times.page.push((await visitOf(browser, front.url, '.wallet-list button:enabled')).ms)
        times.bare.push((await visitOf(browser, bare.url, 'h1')).ms)
        if ((visit + 1) % 5 === 0) say(`${visit + 1} of ${visits} visits`)
      }
      const { firstKib } = await visitOf(browser, front.url, '.wallet-list button:enabled')
      return {
        measurements: { panel_interactive: interactive(times), panel_javascript: await javascript() },
        remarks: [
          `First visits with nothing cached, CPU ${CPU_SLOWDOWN} times slower, 10 Mbit/s, 40 ms: medians of alternating visits.`,
          'Baseline of the time: a page of a heading and two sentences, by the same server in the same browser.',
          `Baseline of the size: the target. All JavaScript, gzipped; a first visit loads ${firstKib.toFixed(1)} KiB with brotli.`,
        ],
      }
    } finally {
      await bare.stop()
      await front.stop()
      await browser.stop()
      await service.stop()
      await chain.stop()
      await removeFolder(folder)
    }
  },
}

async function visitOf(browser: Browser, url: string, selector: string) {
  const device = await browser.newDevice({ origin: url, viewport: viewports.phone })
  const page = await device.newPage()
  const control = await device.context.newCDPSession(page)
  await control.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN })
  await control.send('Network.enable')
  await control.send('Network.emulateNetworkConditions', NETWORK)
  await page.addInitScript(watchFor(selector))
  await page.goto(url, { waitUntil: 'commit' })
  const ms = await waitUntil(() => page.evaluate<number | null>('globalThis.__sinceStart ?? null'), {
    withinMs: 30_000,
    what: `${selector} at ${url}`,
    everyMs: 100,
  })
  const firstKib = await loadedKib(page)
  await device.close()
  return { ms, firstKib }
}

/** JavaScript that the page has loaded so far, as transferred. */
async function loadedKib(page: Page): Promise<number> {
  const bytes = await page.evaluate(`performance.getEntriesByType('resource')
    .filter(({ name }) => name.endsWith('.js')).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)`)
  return Number(bytes) / 1024
}

function interactive({ page, bare }: { page: number[]; bare: number[] }): Measurement {
  const [value, baseline] = [percentile(page, 0.5), percentile(bare, 0.5)]
  return { value, unit: 'ms', baseline, ratio: value / baseline, p50Ms: value, p99Ms: percentile(page, 0.99) }
}

/** All JavaScript that the page can ever load, including the wallet's part. */
async function javascript(): Promise<Measurement> {
  const assets = join(panelFolder, 'assets')
  const names = (await readdir(assets)).filter((name) => name.endsWith('.js.gz'))
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(assets, name))).size))
  const value = sizes.reduce((sum, size) => sum + size, 0) / 1024
  return { value, unit: 'KiB', baseline: TARGET_KIB, ratio: value / TARGET_KIB, p50Ms: null, p99Ms: null }
}

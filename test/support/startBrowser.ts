import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { browserPath } from './browserPath.ts'

/** What is seen of a page: a phone and a desktop, the two sizes that every state is shown at. */
export const viewports = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 900 },
} as const

export interface DeviceOptions {
  /** The only origin that anything may be asked of. */
  origin: string
  viewport?: { width: number; height: number }
  colorScheme?: 'light' | 'dark'
  reducedMotion?: 'reduce' | 'no-preference'
}

/** One device: storage of its own, which lasts as long as it does, and any number of tabs. */
export interface Device {
  context: BrowserContext
  newPage(): Promise<Page>
  /**
   * What no page of ours may ever do, in words: ask another origin for anything, break the Content-Security-Policy, throw,
   * or write an error to the console. What the browser itself says of an answer that is an error, or of one that did not
   * come, does not count: the page is tested for living with those.
   */
  faults(): string[]
  close(): Promise<void>
}

export interface Browser {
  newDevice(options: DeviceOptions): Promise<Device>
  /** Closes every device too. */
  stop(): Promise<void>
}

/** How long an expected thing on a page may take: two cores are shared with a chain, a database and a service. */
const ACTION_TIMEOUT_MS = 60_000

/** Starts a Chromium without a window. One for a test file; a device (a context) for whatever must not share storage. */
export async function startBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: await browserPath() })
  return {
    async newDevice({ origin, viewport = viewports.desktop, ...options }) {
      const context = await browser.newContext({ viewport, ...options })
      context.setDefaultTimeout(ACTION_TIMEOUT_MS)
      const faults = watch(context, origin)
      return {
        context,
        newPage: () => context.newPage(),
        faults: () => [...faults],
        close: () => context.close(),
      }
    },
    stop: () => browser.close(),
  }
}

function watch(context: BrowserContext, origin: string): string[] {
  const faults: string[] = []
  context.on('request', (request) => {
    const url = request.url()
    const isOurs = url.startsWith(`${origin}/`) || /^(data|blob|about):/.test(url)
    if (!isOurs) faults.push(`asked ${url}`)
  })
  context.on('console', (message) => {
    const text = message.text()
    if (message.type() === 'error' && !text.startsWith('Failed to load resource:')) {
      faults.push(`console: ${text}`)
    }
  })
  context.on('weberror', (error) => faults.push(`threw: ${error.error().stack ?? error.error().message}`))
  return faults
}

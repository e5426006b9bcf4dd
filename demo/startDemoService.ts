import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { DemoChain } from './demoChain.ts'
import { endWithThisProcess } from './endWithThisProcess.ts'

/** Where the service can be reached. */
export interface DemoPlace {
  /** The port it listens on. */
  port: number
  /** The URL at which people reach it, directly or through what is in front of it. */
  publicUrl: string
  /** How many proxies are in front of it. */
  trustProxy: number
}

export interface DemoService {
  /** Its own URL. */
  baseUrl: string
  serviceKey: string
  /** The last lines of its log. */
  logTail(): string
  /** Rejects if the service ends without having been asked to. Never resolves. */
  failed: Promise<never>
  stop(): Promise<void>
}

const READY_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 12_000
const TAIL_LINES = 40

const checkout = fileURLToPath(new URL('..', import.meta.url))

/**
 * Runs the real service as `npm start` does, with its embedded PostgreSQL, pointed at the demo's chain, and resolves when
 * it reports that it is ready.
 *
 * @param folder where it keeps its data; also its working directory, so that a `.env` in the checkout has no effect.
 */
export async function startDemoService(
  chain: DemoChain,
  folder: string,
  place: DemoPlace,
  interrupted: AbortSignal,
): Promise<DemoService> {
  const serviceKey = randomBytes(24).toString('hex')
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const child = spawn(process.execPath, ['--import', tsx, `${checkout}/supervisor/main.ts`], {
    cwd: folder,
    env: { ...inherited(), ...settings(chain, folder, place, serviceKey) },
    // In its own process group, so that Ctrl-C in the terminal only reaches the demo, which stops things in the right
    // order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  endWithThisProcess(child, 'INT')
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      lines.push(...chunk.toString().trimEnd().split('\n'))
      lines.splice(0, lines.length - TAIL_LINES)
    })
  }
  let stopping = false
  const exited = once(child, 'exit')
  const failed = exited.then(([code, signal]): never | Promise<never> => {
    if (stopping) return new Promise<never>(() => {})
    throw new Error(`the service ended by itself (${signal ?? `exit code ${code}`})`)
  })
  failed.catch(() => {})

  const service: DemoService = {
    baseUrl: `http://127.0.0.1:${place.port}`,
    serviceKey,
    logTail: () => lines.join('\n'),
    failed,
    async stop() {
      stopping = true
      child.kill('SIGINT')
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      if (child.exitCode === null && child.signalCode === null) await exited
      clearTimeout(force)
    },
  }
  const over = new AbortController()
  try {
    await Promise.race([ready(service.baseUrl, AbortSignal.any([interrupted, over.signal])), failed])
  } catch (error) {
    // A dead service is not polled any further: polling would keep this process alive until the timeout.
    over.abort()
    await service.stop()
    throw new Error(`${(error as Error).message}\n\nThe end of the service's log:\n${service.logTail()}`)
  }
  return service
}

async function ready(baseUrl: string, interrupted: AbortSignal): Promise<void> {
  const end = performance.now() + READY_TIMEOUT_MS
  let last = 'no answer'
  while (performance.now() < end) {
    interrupted.throwIfAborted()
    try {
      const response = await fetch(`${baseUrl}/health/ready`, { signal: AbortSignal.timeout(5_000) })
      if (response.status === 200) return
      last = await response.text()
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`the service was not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`)
}

/** Only what any program needs: the caller's DATABASE_URL or keys must not affect the demo. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'SystemRoot']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

function settings(
  chain: DemoChain,
  folder: string,
  { port, publicUrl, trustProxy }: DemoPlace,
  serviceKey: string,
): Record<string, string> {
  const { chainId } = chain
  return {
    DATA_DIR: `${folder}/data`,
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: publicUrl,
    TRUST_PROXY: String(trustProxy),
    RAILS: `eth:${chainId},usdc:${chainId},axgt:${chainId}`,
    [`RPC_URL_${chainId}`]: chain.rpcUrl,
    [`START_BLOCK_${chainId}`]: '0',
    [`USDC_ADDRESS_${chainId}`]: chain.usdc.address,
    [`AXGT_ADDRESS_${chainId}`]: chain.axgt.address,
    REVENUE_WALLET: chain.people.revenue,
    ETH_PRICING: 'chainlink',
    [`ETH_USD_FEED_${chainId}`]: chain.priceFeed,
    // The demo's feed is not updated while it stays up for the browser.
    ETH_USD_MAX_AGE_SECONDS: '604800',
    AXGT_PRICING: 'fixed',
    SERVICE_API_KEY: serviceKey,
    ADMIN_API_KEY: randomBytes(24).toString('hex'),
    POLL_INTERVAL_MS: '200',
    // The progress lines poll often.
    RATE_LIMIT_PER_MINUTE: '100000',
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'pretty',
  }
}

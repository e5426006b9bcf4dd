import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ServiceSettings } from '../test/support/baseSettings.ts'
import { waitUntil } from '../test/support/waitUntil.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The real billing process, measured from outside. */
export interface MeasuredBilling {
  pid: number
  /** When it logged that it gates, on this process's clock; null until then. */
  gatesSince(): number | null
  /** The most memory it has held, in megabytes. */
  peakMegabytes(): number
  /** RPC requests it has made, from its own metrics. */
  rpcRequests(): Promise<number>
  stop(): Promise<void>
}

/** Starts billing alone, without supervisor or indexer. */
export async function startBilling(settings: ServiceSettings): Promise<MeasuredBilling> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'billing/main.ts'], {
    cwd: root,
    env: { PATH: process.env.PATH, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  let gatesSince: number | null = null
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('this worker gates')) gatesSince ??= performance.now()
  })
  const baseUrl = `http://127.0.0.1:${settings.PORT}`
  await waitUntil(async () => (await fetch(`${baseUrl}/health/live`)).ok, {
    withinMs: 30_000,
    what: 'billing to serve',
  })
  if (child.pid === undefined) throw new Error('billing did not start')
  const { pid } = child
  return {
    pid,
    gatesSince: () => gatesSince,
    peakMegabytes: () => peakOf(pid),
    async rpcRequests() {
      const text = await (await fetch(`${baseUrl}/metrics`)).text()
      const samples = text.matchAll(/^rpc_requests_total\{[^}]*\} (\d+)$/gm)
      return [...samples].reduce((sum, [, count]) => sum + Number(count), 0)
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** VmHWM of Linux; elsewhere there is no such figure for another process, and it is NaN. */
function peakOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024
  } catch {
    return Number.NaN
  }
}

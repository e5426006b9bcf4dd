import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { removeFolder } from '../../demo/removeFolder.ts'
import type { ServiceSettings } from './baseSettings.ts'
import { listProcesses, type ProcessInfo } from './listProcesses.ts'
import { listProcessesBelow } from './listProcessesBelow.ts'
import { waitUntil } from './waitUntil.ts'

export type ServiceProcess = 'supervisor' | 'billing' | 'indexer' | 'postgres'

export interface ServiceOptions {
  /** Arguments of `npm start`, such as `['--role', 'api']`. */
  args?: string[]
  /** How long /health/ready may take to be 200; null does not wait. Default 60 s. */
  readyWithinMs?: number | null
}

export interface ServiceAnswer {
  status: number
  headers: Headers
  /** Parsed when it is JSON, else text. */
  body: unknown
}

export interface Service {
  baseUrl: string
  serviceKey: string
  adminKey: string
  supervisorPid: number
  /** What it printed so far, both streams. */
  logs(): string
  /** The main processes by what they are; one that is not there (yet, any more) is missing. */
  pids(): Partial<Record<ServiceProcess, number>>
  kill(which: ServiceProcess, signal: NodeJS.Signals): void
  request(path: string, init?: RequestInit & { key?: string; json?: unknown }): Promise<ServiceAnswer>
  /** Resolves with the exit code of the supervisor, null when a signal ended it. */
  exited: Promise<number | null>
  /** SIGINT, as from a terminal. Throws when it took longer than 10 s or left a process behind. Idempotent. */
  stop(): Promise<void>
}

const supervisor = fileURLToPath(new URL('../../supervisor/main.ts', import.meta.url))
const STOP_BOUND_MS = 10_000

/**
 * Starts the real service, as `npm start` does but from an empty folder, so that nobody's `.env` has a say, and waits
 * until it is ready. It is stopped by `stop`, or killed when the test's process ends without that.
 */
export async function startService(
  settings: ServiceSettings,
  options: ServiceOptions = {},
): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), 'credits-service-'))
  // Run as root, an embedded PostgreSQL runs as somebody else, who must get in; else its data would go elsewhere and stay.
  await chmod(folder, 0o755)
  const child = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), supervisor, ...(options.args ?? [])],
    { cwd: folder, env: environment(settings, folder), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const lines: string[] = []
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()))
  const service = describe(child, settings, folder, lines)
  const bound = options.readyWithinMs === undefined ? 60_000 : options.readyWithinMs
  if (bound === null) return service

  let over = false
  void service.exited.then(() => {
    over = true
  })
  try {
    const ready = async () => {
      if (over) return 'over'
      const { status, body } = await service.request('/health/ready')
      if (status !== 200) throw new Error(JSON.stringify(body))
      return 'ready'
    }
    const how = await waitUntil(ready, { withinMs: bound, what: 'the service to be ready', everyMs: 50 })
    if (how === 'over') throw new Error('the service ended instead of becoming ready')
  } catch (error) {
    await service.stop().catch(() => {})
    throw new Error(`${(error as Error).message}\n${service.logs().slice(-6_000)}`)
  }
  return service
}

/** Of the test's own environment only what a program needs to run. */
function environment(settings: ServiceSettings, folder: string): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG } = process.env
  const inherited = Object.fromEntries(
    Object.entries({ PATH, HOME, TMPDIR, LANG }).filter(([, value]) => value !== undefined),
  )
  return { ...inherited, DATA_DIR: join(folder, 'data'), ...settings }
}

function describe(child: ChildProcess, settings: ServiceSettings, folder: string, lines: string[]): Service {
  const supervisorPid = child.pid
  if (supervisorPid === undefined) throw new Error('the service could not be started')
  const baseUrl = `http://127.0.0.1:${settings.PORT}`
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  void exited.then(() => process.off('exit', kill))

  const pids = () => ({ supervisor: supervisorPid, ...sortOut(listProcessesBelow(supervisorPid)) })
  let stopped: Promise<void> | undefined
  return {
    baseUrl,
    serviceKey: settings.SERVICE_API_KEY ?? '',
    adminKey: settings.ADMIN_API_KEY ?? '',
    supervisorPid,
    logs: () => lines.join(''),
    pids,
    kill(which, signal) {
      const pid = pids()[which]
      if (pid === undefined) throw new Error(`there is no ${which} to send ${signal} to`)
      process.kill(pid, signal)
    },
    request: (path, init) => request(`${baseUrl}${path}`, init),
    exited,
    stop() {
      stopped ??= stop(child, supervisorPid, exited).finally(() => removeFolder(folder))
      return stopped
    },
  }
}

async function request(
  url: string,
  { key, json, ...init }: RequestInit & { key?: string; json?: unknown } = {},
): Promise<ServiceAnswer> {
  const headers = new Headers(init.headers)
  if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
  if (json !== undefined) headers.set('content-type', 'application/json')
  const response = await fetch(url, {
    ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
    signal: AbortSignal.timeout(30_000),
    ...init,
    headers,
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

/** By their command lines, which design promises: billing's has `billing`, the indexer's `ponder` and `start`. */
function sortOut(below: ProcessInfo[]): Partial<Record<ServiceProcess, number>> {
  const found: Partial<Record<ServiceProcess, number>> = {}
  for (const { pid, command } of below) {
    if (/bin\/postgres -D /.test(command)) found.postgres ??= pid
    else if (/\bbilling\/main\.ts/.test(command)) found.billing ??= pid
    else if (/ponder/.test(command) && /\bstart\b/.test(command)) found.indexer ??= pid
  }
  return found
}

async function stop(child: ChildProcess, pid: number, exited: Promise<unknown>): Promise<void> {
  const below = listProcessesBelow(pid)
  let late = false
  child.kill('SIGINT')
  const bound = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, STOP_BOUND_MS)
  await exited
  clearTimeout(bound)
  const orphans = () => {
    const alive = listProcesses()
    return below.filter(({ pid, command }) => alive.some((it) => it.pid === pid && it.command === command))
  }
  await waitUntil(() => orphans().length === 0, { withinMs: 3_000, what: 'the end of every process' }).catch(
    () => {
      const left = orphans()
      for (const orphan of left) process.kill(orphan.pid, 'SIGKILL')
      throw new Error(`the service left behind: ${left.map(({ command }) => command).join('; ')}`)
    },
  )
  if (late) throw new Error(`the service did not stop within ${STOP_BOUND_MS / 1000} s of SIGINT`)
}

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { listProcesses } from '../support/listProcesses.ts'
import { listProcessesBelow } from '../support/listProcessesBelow.ts'
import { type Service, type ServiceProcess, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

const main = fileURLToPath(new URL('../../supervisor/main.ts', import.meta.url))

// Each starts the whole service; generous bounds, for machines where other tests run beside.
describe('npm start', { timeout: 400_000 }, () => {
  let chain: TestChain
  let database: TestDatabase
  let service: Service | undefined

  beforeEach(async () => {
    chain = await createChain()
    database = await createTestDatabase()
  })

  afterEach(async () => {
    await service?.stop()
    service = undefined
    await database.drop()
    await chain.stop()
  })

  async function start(overrides: Record<string, string> = {}): Promise<Service> {
    service = await startService(
      await baseSettings({ chains: [chain], databaseUrl: database.url, overrides }),
    )
    return service
  }

  /** Kills one process with no warning and waits until another runs in its place and the service is ready. */
  async function survives(which: ServiceProcess): Promise<void> {
    const killed = service?.pids()[which]
    service?.kill(which, 'SIGKILL')
    const isBack = async () => {
      const pid = service?.pids()[which]
      if (pid === undefined || pid === killed) return false
      return (await service?.request('/health/ready'))?.status === 200
    }
    await waitUntil(isBack, { withinMs: 45_000, what: `the service with a new ${which}` }).catch(
      (error: Error) => {
        throw new Error(`${error.message}\n${service?.logs().slice(-4_000)}`)
      },
    )
  }

  it('survives a kill -9 of billing, of the indexer and of its own PostgreSQL (case 40)', async () => {
    await start({ DATABASE_URL: '' })
    await survives('billing')
    await survives('indexer')
    await survives('postgres')
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends within 10 s of %s with code 0, leaving nothing behind',
    async (signal) => {
      const { supervisorPid, exited } = await start({ DATABASE_URL: '' })
      const below = listProcessesBelow(supervisorPid)
      expect(below.length).toBeGreaterThanOrEqual(3)
      const askedAt = performance.now()
      process.kill(supervisorPid, signal)
      expect(await exited).toBe(0)
      expect(performance.now() - askedAt).toBeLessThan(10_000)
      await waitUntil(() => aliveOf(below).length === 0, {
        withinMs: 1_000,
        what: 'the end of every process',
      })
    },
  )

  it('takes everything with it when it is killed by kill -9 itself', async () => {
    const { supervisorPid, exited } = await start({ DATABASE_URL: '' })
    const below = listProcessesBelow(supervisorPid)
    process.kill(supervisorPid, 'SIGKILL')
    await exited
    await waitUntil(() => aliveOf(below).length === 0, { withinMs: 8_000, what: 'the end of every process' })
  })

  it('never prints what an RPC URL or the database URL hides (case 54)', async () => {
    const { logs, stop } = await start({
      RPC_URL_31337: `${chain.rpcUrl}/?apikey=HIDDENKEY`,
      LOG_LEVEL: 'debug',
    })
    await chain.stop()
    await waitUntil(() => /Received JSON-RPC error|Failed/.test(logs()), {
      withinMs: 30_000,
      what: 'RPC complaints',
    })
    await stop()
    expect(logs()).not.toContain('HIDDENKEY')
    expect(logs()).not.toContain(new URL(database.url).password)
  })

  // Parsers keep one of two equal keys, and not all of them the same one. Written again after parsing, such a line is shorter.
  it('writes no key twice in a line of its log, and names every part', async () => {
    const { logs, stop } = await start({ DATABASE_URL: '', LOG_LEVEL: 'debug' })
    await stop()
    const lines = logs()
      .split('\n')
      .filter((line) => line.startsWith('{'))
    for (const line of lines) expect(JSON.stringify(JSON.parse(line))).toBe(line)
    const components = lines.map((line) => (JSON.parse(line) as { component: string }).component)
    expect(new Set(components)).toEqual(new Set(['supervisor', 'postgres', 'indexer', 'billing']))
  })
})

describe('npm start with what it cannot run with', () => {
  const run = (args: string[], env: ServiceSettings) =>
    spawnSync(process.execPath, ['--import', import.meta.resolve('tsx'), main, ...args], {
      env: { PATH: process.env.PATH ?? '', ...env },
      encoding: 'utf8',
      timeout: 120_000,
    })

  it('exits with 78 and names every fault at once', () => {
    const { status, stderr } = run([], { PORT: 'x', CONFIRMATIONS: '0' })
    expect(status).toBe(78)
    for (const name of ['PORT', 'CONFIRMATIONS', 'REVENUE_WALLET', 'SERVICE_API_KEY'])
      expect(stderr).toContain(name)
  })

  it.each(['api', 'worker', 'indexer'])('exits with 78 when --role %s has no DATABASE_URL', (role) => {
    const { status, stderr } = run(['--role', role], {
      RAILS: 'eth:31337',
      RPC_URL_31337: 'http://127.0.0.1:1',
      START_BLOCK_31337: '0',
      REVENUE_WALLET: `0x${'1'.repeat(40)}`,
      SERVICE_API_KEY: 's'.repeat(32),
      ADMIN_API_KEY: 'a'.repeat(32),
    })
    expect(stderr).toContain('DATABASE_URL')
    expect(status).toBe(78)
  })

  it('exits with 64 for unknown arguments, and with 0 for --help', () => {
    expect(run(['--role', 'boss'], {}).status).toBe(64)
    const help = run(['--help'], {})
    expect(help.status).toBe(0)
    expect(help.stdout).toContain('--role')
  })
})

function aliveOf(before: ReturnType<typeof listProcesses>) {
  const alive = listProcesses()
  return before.filter(({ pid, command }) => alive.some((it) => it.pid === pid && it.command === command))
}

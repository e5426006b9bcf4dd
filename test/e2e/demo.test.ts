import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { removeFolder } from '../../demo/removeFolder.ts'
import { listProcesses, type ProcessInfo } from '../support/listProcesses.ts'
import { listProcessesBelow } from '../support/listProcessesBelow.ts'
import { waitUntil } from '../support/waitUntil.ts'

const demo = fileURLToPath(new URL('../../demo/main.ts', import.meta.url))
const cleanUps: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

/** The demo with a folder of its own for temporary files. */
async function startDemo(...args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'credits-demo-test-'))
  await chmod(folder, 0o755)
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), demo, ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      TMPDIR: folder,
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  cleanUps.push(async () => {
    child.kill('SIGKILL')
    await exited
    await removeFolder(folder)
  })
  const family = () => listProcessesBelow(child.pid ?? 0)
  const prints = (text: string | RegExp) =>
    waitUntil(() => (typeof text === 'string' ? output.includes(text) : text.test(output)), {
      withinMs: 90_000,
      what: `the demo to print ${text}, which printed: ${output}`,
    })
  const leftFolders = async () => (await readdir(folder)).filter((name) => name.startsWith('axonos-credits'))
  return { child, exited, output: () => output, prints, family, leftFolders }
}

/** Those of the processes that still live; a process id that somebody else was given meanwhile does not count. */
function survivors(processes: ProcessInfo[]): string[] {
  const now = new Map(listProcesses().map(({ pid, command }) => [pid, command]))
  return processes.filter(({ pid, command }) => now.get(pid) === command).map(({ command }) => command)
}

describe('the demo', () => {
  it('credits a payment with each rail and, with --once, ends with 0 and nothing left', async () => {
    const run = await startDemo('--once')
    await run.prints('Payments are sent')
    const family = run.family()
    expect(family.length).toBeGreaterThan(4)
    const code = await run.exited
    expect({ code, output: run.output() }).toMatchObject({ code: 0 })
    expect(run.output().match(/ ok$/gm)).toHaveLength(4)
    for (const rail of ['0.0005 ETH', '0.000375 ETH', '1 USDC', '100 AXGT']) {
      const line = (what: string) => new RegExp(`^ +${rail} +by .* ${what}$`, 'm')
      expect(run.output()).toMatch(line('[1-6]/6'))
      expect(run.output()).toMatch(line(`credited: ${rail === '100 AXGT' ? 75 : 60} minutes`))
    }
    expect(survivors(family)).toEqual([])
    expect(await run.leftFolders()).toEqual([])
  }, 400_000)

  it('stays up, serves the page with its wallet, the API and its docs, and Ctrl-C ends it with 0 and nothing left', async () => {
    const run = await startDemo()
    await run.prints('It stays up.')
    const baseUrl = /^ +(http:\/\/localhost:\d+)\/\?demo$/m.exec(run.output())?.[1]
    expect(await (await fetch(`${baseUrl}/?demo`)).text()).toContain('<script type="module"')
    const chainId = { jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }
    const asked = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const told = await fetch(`${baseUrl}/demo/rpc`, { ...asked, body: JSON.stringify(chainId) })
    expect(await told.json()).toMatchObject({ result: '0x7a69' })
    for (const path of ['/v1/config', '/docs', '/openapi.json', '/health/ready']) {
      expect([path, (await fetch(`${baseUrl}${path}`)).status]).toEqual([path, 200])
    }
    const family = run.family()
    run.child.kill('SIGINT')
    expect(await run.exited).toBe(0)
    expect(survivors(family)).toEqual([])
    expect(await run.leftFolders()).toEqual([])
  }, 400_000)

  it('interrupted while it starts, ends with 130 and nothing left', async () => {
    const run = await startDemo()
    await run.prints('price feed')
    await waitUntil(() => run.family().some(({ command }) => command.includes('postgres')), {
      withinMs: 30_000,
      what: 'the service to be half up',
    })
    const family = run.family()
    run.child.kill('SIGINT')
    expect({ code: await run.exited, output: run.output() }).toMatchObject({ code: 130 })
    expect(survivors(family)).toEqual([])
    expect(await run.leftFolders()).toEqual([])
  }, 400_000)

  it('says what went wrong, with the end of its log, when the service dies', async () => {
    const run = await startDemo('--once')
    await waitUntil(() => run.family().some(({ command }) => command.includes('billing/main.ts')), {
      withinMs: 60_000,
      what: 'the service to be half up',
    })
    const family = run.family()
    const supervisor = family.find(({ command }) => command.includes('supervisor/main.ts'))
    process.kill(supervisor?.pid ?? 0, 'SIGKILL')
    expect(await run.exited).toBe(1)
    expect(run.output()).toMatch(/The demo failed: .+[\s\S]+end of the service's log:\n[\s\S]+/)
    expect(await run.leftFolders()).toEqual([])
    await waitUntil(() => survivors(family).length === 0, {
      withinMs: 15_000,
      what: 'the end of every process',
    })
  }, 400_000)

  it('takes everything it started with it when it is killed', async () => {
    const run = await startDemo()
    await run.prints('Payments are sent')
    const family = run.family()
    run.child.kill('SIGKILL')
    await waitUntil(() => survivors(family).length === 0, {
      withinMs: 20_000,
      what: 'the end of every process',
    })
  }, 400_000)

  it('explains itself with --help', async () => {
    const run = await startDemo('--help')
    expect(await run.exited).toBe(0)
    expect(run.output()).toContain('--once')
  })
})

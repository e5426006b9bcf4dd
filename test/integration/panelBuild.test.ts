import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

// Goal: `npm run build` makes the page where it is needed and only then. Method: the real command in a copy of what it reads,
// with the packages that the test wants to be installed.

const checkout = fileURLToPath(new URL('../..', import.meta.url))
let copy: string

beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), 'credits-build-'))
  for (const path of [
    'panel',
    'supervisor',
    'billing/api',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ]) {
    const isSource = (from: string) => !/\/dist(\.|$)/.test(from)
    await cp(join(checkout, path), join(copy, path), { recursive: true, filter: isSource })
  }
})

afterEach(() => rm(copy, { recursive: true, force: true }))

function build(nodeEnv = 'test'): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'supervisor/build.ts'],
      { cwd: copy, env: { PATH: process.env.PATH, NODE_ENV: nodeEnv } },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

const installEverything = () => symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'))

async function installWithoutVite(): Promise<void> {
  await mkdir(join(copy, 'node_modules'))
  for (const name of ['tsx', 'esbuild', 'get-tsconfig', '@esbuild']) {
    await symlink(join(checkout, 'node_modules', name), join(copy, 'node_modules', name)).catch(() => {})
  }
}

/** What `npm start` does about the page, with what it logs; and, where told so, calls it off at once. */
function start({ stopAtOnce = false } = {}): Promise<string> {
  const script = `
    import { keepPanelBuilt } from './supervisor/panel/keepPanelBuilt.ts'
    const tell = (...words) => console.log(...words.map((word) => JSON.stringify(word)))
    const kept = keepPanelBuilt({ info: tell, warn: tell })
    ${stopAtOnce ? 'setTimeout(() => kept.stop(), 300)' : ''}`
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      { cwd: copy, env: { PATH: process.env.PATH } },
      (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
    )
  })
}

const inPanel = (path: string) => join(copy, 'panel', path)

test('it builds what is missing, leaves what is there, and builds again after a change', async () => {
  await installEverything()
  // What a build that was killed has left behind: no process has such a number.
  await mkdir(inPanel('dist.2147483647.new/assets'), { recursive: true })

  expect(await build()).toMatchObject({ code: 0, output: expect.stringContaining('The page is built') })
  const first = await readFile(inPanel('dist/index.html'), 'utf8')
  expect(first).toMatch(/src="\/assets\/index-[\w-]+\.js"/)
  expect((await readdir(inPanel('.'))).filter((name) => name.startsWith('dist'))).toEqual(['dist'])

  expect(await build()).toMatchObject({ code: 0, output: expect.stringContaining('The page is up to date') })

  const entry = await readFile(inPanel('main.tsx'), 'utf8')
  await writeFile(inPanel('main.tsx'), `${entry}\ndocument.title = 'another page'\n`)
  expect(await build()).toMatchObject({ code: 0, output: expect.stringContaining('The page is built') })
  expect(await readFile(inPanel('dist/index.html'), 'utf8')).not.toBe(first)
})

test('it builds the same page whatever NODE_ENV says', async () => {
  await installEverything()
  const names: string[][] = []
  for (const nodeEnv of ['test', 'production', 'development']) {
    await rm(inPanel('dist'), { recursive: true, force: true })
    expect((await build(nodeEnv)).code).toBe(0)
    names.push((await readdir(inPanel('dist/assets'))).sort())
  }
  expect(names[1]).toEqual(names[0])
  expect(names[2]).toEqual(names[0])
})

test('sources that do not build are told, and the page that is there stays', async () => {
  await installEverything()
  await mkdir(inPanel('dist'))
  await writeFile(inPanel('dist/index.html'), 'the page of yesterday')
  await writeFile(inPanel('main.tsx'), "import './nothing.ts'\n")
  const { code, output } = await build()
  expect(code).toBe(1)
  expect(output).toContain('The page does not build')
  expect(output).toContain('./nothing.ts')
  expect(await readFile(inPanel('dist/index.html'), 'utf8')).toBe('the page of yesterday')
})

test('where Vite is not installed it says so', async () => {
  await installWithoutVite()
  const { code, output } = await build()
  expect(code).toBe(1)
  expect(output).toContain('The page cannot be built: what builds it is not installed')
  expect(output).toContain("Cannot find package 'vite'")
})

test('the service builds a page that is missing, and says nothing about one that is there', async () => {
  await installEverything()
  const log = await start()
  expect(log).toContain('the page is missing or older than its sources; building it')
  expect(log).toContain('the page is built')
  expect(await readdir(inPanel('dist'))).toContain('index.html')
  expect(await start()).toBe('')
})

test('the service goes on where the page cannot be built, and says why', async () => {
  await installWithoutVite()
  const log = await start()
  expect(log).toContain('the page could not be built; the service goes on without')
  expect(log).toContain("Cannot find package 'vite'")
})

test('a service that stops does not wait for the page, and leaves nothing of it behind', async () => {
  await installEverything()
  const log = await start({ stopAtOnce: true })
  expect(log).not.toContain('could not be built')
  expect((await readdir(inPanel('.'))).filter((name) => name.startsWith('dist.'))).toEqual([])
})

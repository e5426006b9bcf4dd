import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { build } from 'vite'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { panelFolder } from '../../../supervisor/panel/buildPanel.ts'
import { compressFiles } from '../../../supervisor/panel/compressFiles.ts'
import { hashPanelSources } from '../../../supervisor/panel/hashPanelSources.ts'
import { refuseDemoWallet } from '../../../supervisor/panel/refuseDemoWallet.ts'

const checkout = fileURLToPath(new URL('../../..', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credits-panel-build-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** Builds a page of one script with the plugins of ours. */
async function buildScript(script: string) {
  await writeFile(join(folder, 'index.html'), '<script type="module" src="./main.js"></script>')
  await writeFile(join(folder, 'main.js'), script)
  await build({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    plugins: [refuseDemoWallet(), compressFiles()],
  })
  return join(folder, 'dist/assets')
}

describe('no trace of the demo wallet gets into the page that is served', () => {
  test.each([
    ['its marker', 'document.title = "axonos-demo-wallet"'],
    [
      'a key of a local chain, in any case',
      'window.k = "0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80"',
    ],
    ['its installer', 'window.installDemoWallet = () => {}'],
  ])('a build with %s fails', async (_what, script) => {
    await expect(buildScript(script)).rejects.toThrow(
      /The demo wallet must not be in this build, but assets\/\S+ has/,
    )
  })

  test('any other build passes', async () => {
    expect(await readdir(await buildScript('document.title = "credits"'))).not.toEqual([])
  })

  test('the demo wallet has the marker that is looked for', async () => {
    expect(await readFile(join(checkout, 'panel/demo/demoWalletMark.ts'), 'utf8')).toContain(
      "'axonos-demo-wallet'",
    )
  })
})

test('each text of a build lies beside its compressed forms', async () => {
  const assets = await buildScript(`document.title = ${JSON.stringify('credits '.repeat(200))}`)
  const [script = ''] = (await readdir(assets)).filter((name) => name.endsWith('.js'))
  const [plain, gzip] = await Promise.all([
    readFile(join(assets, script)),
    readFile(join(assets, `${script}.gz`)),
  ])
  expect(gunzipSync(gzip).equals(plain)).toBe(true)
  expect(await readdir(assets)).toContain(`${script}.br`)
})

describe('a build that is older than its sources is noticed', () => {
  beforeEach(async () => {
    await mkdir(join(folder, 'panel/views'), { recursive: true })
    await mkdir(join(folder, 'supervisor'))
    await cp(join(checkout, 'supervisor/panel'), join(folder, 'supervisor/panel'), { recursive: true })
    await writeFile(join(folder, 'package-lock.json'), '{}')
    await writeFile(join(folder, 'panel/index.html'), '<p>')
    await writeFile(join(folder, 'panel/views/App.tsx'), 'one')
  })

  test.each([
    ['a changed file', 'panel/views/App.tsx'],
    ['a new file', 'panel/views/New.tsx'],
    ['another version of what it is made of', 'package-lock.json'],
    ['another way of building', 'supervisor/panel/compressFiles.ts'],
  ])('%s is another page', async (_what, file) => {
    const before = hashPanelSources(folder)
    await writeFile(join(folder, file), 'two')
    expect(hashPanelSources(folder)).not.toBe(before)
  })

  test('what a build writes is not', async () => {
    const before = hashPanelSources(folder)
    await mkdir(join(folder, 'panel/dist/assets'), { recursive: true })
    await mkdir(join(folder, 'panel/dist.123.new'))
    await writeFile(join(folder, 'panel/dist/build.json'), 'x')
    await writeFile(join(folder, 'panel/dist.123.new/index.html'), 'x')
    expect(hashPanelSources(folder)).toBe(before)
  })

  test('without sources there is nothing to compare with', async () => {
    await rm(join(folder, 'panel'), { recursive: true })
    expect(hashPanelSources(folder)).toBeNull()
  })
})

describe('the page as it is served', () => {
  /** Of everything that a browser may ever load, fonts and pictures aside. */
  const MOST_BYTES = 90 * 1024
  /** Of what it loads before somebody sees the page. */
  const MOST_BYTES_FIRST = 40 * 1024

  async function sizes(): Promise<Map<string, number>> {
    const assets = join(panelFolder, 'assets')
    const names = (await readdir(assets)).filter((name) => /\.(js|css)\.gz$/.test(name))
    const read = names.map(
      async (name) => [name.slice(0, -3), (await readFile(join(assets, name))).length] as const,
    )
    return new Map(await Promise.all(read))
  }
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0)

  test('is below 90 KiB in all, gzipped, and below 40 KiB before it shows', async () => {
    expect(inject('panelFault')).toBeNull()
    const all = await sizes()
    expect(sum(all.values())).toBeLessThan(MOST_BYTES)
    const page = await readFile(join(panelFolder, 'index.html'), 'utf8')
    const first = [...all].filter(([name]) => page.includes(`/assets/${name}`)).map(([, bytes]) => bytes)
    expect(first.length).toBeGreaterThanOrEqual(2)
    expect(sum(first)).toBeLessThan(MOST_BYTES_FIRST)
  })

  test('holds no inline script or style, and asks nobody else for anything', async () => {
    expect(inject('panelFault')).toBeNull()
    const page = await readFile(join(panelFolder, 'index.html'), 'utf8')
    expect(page).not.toMatch(/<style|style=|<script(?![^>]*\ssrc="\/assets\/)|\son\w+=/)
    expect([...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link)).not.toContainEqual(
      expect.not.stringMatching(/^\/assets\//),
    )
  })
})

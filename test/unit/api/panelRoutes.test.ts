import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createApp } from '../../../billing/api/createApp.ts'
import { openPanelFiles } from '../../../billing/api/routes/panelFiles.ts'
import { waitUntil } from '../../support/waitUntil.ts'
import { fakeDeps } from './fakeDeps.ts'

let root: string
let folder: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'credits-panel-'))
  folder = join(root, 'dist')
})

afterEach(() => rm(root, { recursive: true, force: true }))

/** Lays a page into a folder as a build does: with its compressed forms, and named by what it is of. */
async function build(name: string, into = folder): Promise<void> {
  await mkdir(join(into, 'assets'), { recursive: true })
  const files = {
    'index.html': `<!doctype html><title>${name}</title><script src="/assets/index-${name}.js"></script>`,
    [`assets/index-${name}.js`]: `console.log(${JSON.stringify(name)})`,
    [`assets/index-${name}.css`]: `/* ${name} */`,
    [`assets/icon-${name}.svg`]: '<svg xmlns="http://www.w3.org/2000/svg"/>',
  }
  for (const [file, content] of Object.entries(files)) {
    await writeFile(join(into, file), content)
    await writeFile(join(into, `${file}.gz`), gzipSync(content))
    await writeFile(join(into, `${file}.br`), brotliCompressSync(content))
  }
  await writeFile(join(into, `assets/font-${name}.woff2`), 'not text')
  await writeFile(join(into, 'build.json'), JSON.stringify({ sources: name }))
}

const open = () => createApp(fakeDeps({ panel: openPanelFiles(folder) }))
const accept = (encoding: string) => ({ headers: { 'Accept-Encoding': encoding } })

describe('the page', () => {
  test('is served at /, asked for each time, and answered 304 where it is the same', async () => {
    await build('one')
    const app = open()
    const page = await app.request('/')
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('<title>one</title>')
    expect(page.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('Cache-Control')).toBe('no-cache')

    const etag = page.headers.get('ETag') ?? ''
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/)
    for (const tag of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
      const again = await app.request('/', { headers: { 'If-None-Match': tag } })
      expect([again.status, await again.text()]).toEqual([304, ''])
      expect(again.headers.get('ETag')).toBe(etag)
    }
    expect((await app.request('/', { headers: { 'If-None-Match': '"other"' } })).status).toBe(200)
  })

  test('may load nothing but what this service serves, turns no text into script, and is in no frame', async () => {
    await build('one')
    const app = open()
    const { headers } = await app.request('/')
    const policy = headers.get('Content-Security-Policy') ?? ''
    expect(policy.split(/;\s*/).sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "font-src 'self'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "require-trusted-types-for 'script'",
      "script-src 'self'",
      "style-src 'self'",
      "trusted-types 'none'",
    ])
    expect(headers.get('Referrer-Policy')).toBe('no-referrer')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Permissions-Policy')).toContain('camera=()')
    expect((await app.request('/assets/index-one.js')).headers.get('Content-Security-Policy')).toBe(policy)
  })

  test.each([
    ['index-one.js', 'text/javascript; charset=utf-8'],
    ['index-one.css', 'text/css; charset=utf-8'],
    ['icon-one.svg', 'image/svg+xml'],
    ['font-one.woff2', 'font/woff2'],
  ])('its file %s is kept for ever, as %s', async (name, contentType) => {
    await build('one')
    const file = await open().request(`/assets/${name}`)
    expect(file.status).toBe(200)
    expect(file.headers.get('Content-Type')).toBe(contentType)
    expect(file.headers.get('Cache-Control')).toBe('public, max-age=31536000, immutable')
  })

  test('is sent compressed as the browser takes it', async () => {
    await build('one')
    const app = open()
    const path = '/assets/index-one.js'
    const coded = async (encoding: string) =>
      (await app.request(path, accept(encoding))).headers.get('Content-Encoding')
    expect(await coded('gzip, deflate, br')).toBe('br')
    expect(await coded('gzip')).toBe('gzip')
    expect(await coded('br;q=0, gzip;q=0.5')).toBe('gzip')
    expect(await coded('identity')).toBeNull()
    expect(await coded('zstd')).toBeNull()
    const answer = await app.request(path, accept('gzip'))
    expect(gunzipSync(new Uint8Array(await answer.arrayBuffer())).toString()).toBe('console.log("one")')
    expect(answer.headers.get('Vary')).toContain('Accept-Encoding')
    const font = await app.request('/assets/font-one.woff2', accept('br, gzip'))
    expect(font.headers.get('Content-Encoding')).toBeNull()
  })

  test('HEAD says the same without a body', async () => {
    await build('one')
    const answer = await open().request('/assets/index-one.js', { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('Content-Length')).toBe('18')
    expect(await answer.text()).toBe('')
  })

  test.each([
    '/assets/nothing.js',
    '/assets/',
    '/assets/index-one.js.gz',
    '/assets/../build.json',
    '/assets/..%2fbuild.json',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e%2fbuild.json',
    '/assets/..%5cbuild.json',
    '/assets/%00',
    '/build.json',
    '/index.html',
  ])('%s is nothing, and no cache keeps that', async (path) => {
    await build('one')
    const answer = await open().request(path)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json')
  })

  test('POST to it is refused', async () => {
    await build('one')
    const answer = await open().request('/', { method: 'POST' })
    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'GET, HEAD'])
  })
})

describe('where there is no page', () => {
  test('/ says so and leads on, and the rest is there', async () => {
    const app = open()
    const page = await app.request('/')
    expect(page.status).toBe(200)
    expect(page.headers.get('Cache-Control')).toBe('no-store')
    const html = await page.text()
    expect(html).toContain('npm run build')
    expect(html).toContain('href="/docs"')
    expect((await app.request('/assets/index-one.js')).status).toBe(404)
    expect((await app.request('/v1/config')).status).toBe(200)
  })

  test('it is served as soon as it is built, without a restart', async () => {
    const app = open()
    expect(await (await app.request('/')).text()).toContain('npm run build')
    await build('one')
    await waitUntil(async () => (await (await app.request('/')).text()).includes('<title>one</title>'), {
      withinMs: 5_000,
      what: 'the page that was built meanwhile',
    })
  })
})

test('after an update the new page is served, and one that was open still gets its files', async () => {
  await build('one')
  const app = open()
  await app.request('/')
  await build('two', join(root, 'new'))
  await rename(folder, join(root, 'old'))
  expect(await (await app.request('/')).text()).toContain('one')
  await rename(join(root, 'new'), folder)
  await waitUntil(async () => (await (await app.request('/')).text()).includes('<title>two</title>'), {
    withinMs: 5_000,
    what: 'the new page',
  })
  expect((await app.request('/assets/index-two.js')).status).toBe(200)
  expect((await app.request('/assets/index-one.js')).status).toBe(200)
})

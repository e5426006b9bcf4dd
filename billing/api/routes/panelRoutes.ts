import type { Context, Env, Hono } from 'hono'
import { problem } from '../problem.ts'
import type { PanelFile, PanelFiles } from './panelFiles.ts'

const notBuilt = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AxonOS Credits</title>
</head>
<body>
<h1>AxonOS Credits</h1>
<p>The page for buying credit is not built here: either it is being built at this moment, or
<code>npm run build</code> has not been run. Payments are credited all the same.</p>
<p><a href="/docs">API documentation</a> · <a href="/openapi.json">OpenAPI document</a> ·
<a href="/v1/config">where and how to pay</a></p>
</body>
</html>
`

const CACHE_FOR_A_YEAR = 'public, max-age=31536000, immutable'

/**
 * Adds the page at `/` and its files at `/assets/…`, compressed as the browser accepts. File names contain a digest of the
 * content, so browsers cache them for ever; the page itself is revalidated each time and answered 304 if unchanged. Where the
 * page is not built, `/` says so and everything else works.
 */
export function addPanelRoutes<E extends Env>(app: Hono<E>, panel: PanelFiles): void {
  app.get('/', async (c) => {
    const page = await panel.find('index.html')
    if (page === null) return c.html(notBuilt, 200, { 'Cache-Control': 'no-store' })
    return send(c, page, 'no-cache')
  })
  app.get('/assets/:name', async (c) => {
    const file = await panel.find(`assets/${c.req.param('name')}`)
    if (file === null) return problem(c, 'not_found', 'The page has no such file.')
    return send(c, file, CACHE_FOR_A_YEAR)
  })
}

function send(c: Context, file: PanelFile, cacheControl: string): Response {
  const { coding, content } = choose(file, c.req.header('Accept-Encoding') ?? '')
  // Weak, because it is the same for every encoding of the content.
  const etag = `W/"${file.digest}"`
  c.header('ETag', etag)
  c.header('Cache-Control', cacheControl)
  c.header('Vary', 'Accept-Encoding')
  if (isAmong(c.req.header('If-None-Match'), etag)) return c.body(null, 304)
  if (coding !== null) c.header('Content-Encoding', coding)
  c.header('Content-Type', file.contentType)
  c.header('Content-Length', String(content.length))
  return c.body(content)
}

function choose(file: PanelFile, accepted: string) {
  const codings = new Set(
    accepted
      .toLowerCase()
      .split(',')
      .filter((part) => !/;\s*q=0(\.0*)?\s*$/.test(part))
      .map((part) => part.split(';', 1)[0]?.trim()),
  )
  if (file.br !== null && codings.has('br')) return { coding: 'br', content: file.br }
  if (file.gzip !== null && codings.has('gzip')) return { coding: 'gzip', content: file.gzip }
  return { coding: null, content: file.identity }
}

/** RFC 9110 §13.1.2: weak comparison with any of the list. */
function isAmong(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  const strip = (tag: string) => tag.trim().replace(/^W\//, '')
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((tag) => strip(tag) === strip(etag))
}

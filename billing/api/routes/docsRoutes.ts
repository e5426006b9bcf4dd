import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../appDeps.ts'
import { problem, problemResponses } from '../problem.ts'
import { type ProblemCode, problems } from '../problems.ts'
import type { RouteDeps } from '../request/guards.ts'

const description = [
  'Prepaid GPU-desktop minutes, bought on chain. Nothing has to be called for a payment to be credited.',
  'Amounts are integers in decimal strings; beside every `…Micros` stands `…Minutes`. Errors are',
  '`application/problem+json` with a stable `code`. Lists are newest first, `?cursor=&limit=`.',
].join('\n')

const tags = [
  { name: 'Buying', description: 'Open to anybody. What costs RPC calls is limited per client address.' },
  {
    name: 'Sign-in',
    description: 'Open to anybody, limited per client address: a signed message becomes a token.',
  },
  { name: 'Wallet', description: "A wallet's own account: needs the token of a wallet that has signed in." },
  {
    name: 'Sessions',
    description: 'Running desktops and what they burn. For the service: needs the service or the admin key.',
  },
  { name: 'Storage', description: 'Stored volumes. For the service: needs the service or the admin key.' },
  { name: 'Accounts', description: 'For the service: needs the service or the admin key.' },
  { name: 'Operator', description: 'Needs the admin key.' },
  { name: 'Chain', description: 'What the indexer has seen.' },
  { name: 'Operation', description: 'Health and metrics.' },
]

/** Makes the OpenAPI 3.1 document from the routes that `app` serves, so the two cannot drift apart. */
function openApiDocument(app: Api, publicUrl: string) {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'AxonOS Credits', version: '1', description, license: { name: 'MIT' } },
    // Relative first: a reader tries the API where the document was served, whatever the host name.
    servers: [{ url: '/' }, { url: publicUrl }],
    tags,
  })
}

const require = createRequire(import.meta.url)

const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AxonOS Credits API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/initializer.js"></script>
</body>
</html>
`

const initializer = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null })
`

const assets = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

const codes = Object.keys(problems) as [ProblemCode, ...ProblemCode[]]

const problemRoute = createRoute({
  method: 'get',
  path: '/problems/{code}',
  tags: ['Operation'],
  summary: 'What an error code means: where the `type` of a problem leads',
  request: { params: z.object({ code: z.string().max(100) }) },
  responses: {
    200: {
      description: 'The code explained.',
      content: {
        'application/json': {
          schema: z.strictObject({
            code: z.enum(codes),
            status: z.int(),
            title: z.string(),
            meaning: z.string(),
          }),
        },
      },
    },
    ...problemResponses('not_found', 'internal_error'),
  },
})

/**
 * Adds /docs, /openapi.json and /problems/{code}. The browser loads everything from this service, so the content security
 * policy allows nothing else; there is no inline script.
 */
export function addDocsRoutes(app: Api, deps: RouteDeps): void {
  app.openapi(problemRoute, (c) => {
    const { code } = c.req.valid('param')
    const known = codes.find((candidate) => candidate === code)
    if (!known) return problem(c, 'not_found', 'There is no such code.')
    return c.json({ code: known, ...problems[known] }, 200)
  })

  // Made at the first request, when every route is declared, and kept, because it never changes.
  let document: string | undefined
  app.get('/openapi.json', (c) => {
    document ??= JSON.stringify(openApiDocument(app, deps.config.publicUrl))
    return c.body(document, 200, { 'Content-Type': 'application/json' })
  })

  app.get('/docs', (c) => c.html(docsPage))
  app.get('/docs/initializer.js', (c) =>
    c.body(initializer, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }),
  )
  for (const [name, contentType] of Object.entries(assets)) {
    let content: Promise<string> | undefined
    app.get(`/docs/${name}`, async (c) => {
      content ??= readFile(require.resolve(`swagger-ui-dist/${name}`), 'utf8')
      return c.body(await content, 200, {
        'Content-Type': contentType,
        'Cache-Control': 'public, max-age=3600',
      })
    })
  }
}

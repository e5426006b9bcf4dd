import type { Api } from './routeDeps.ts'

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

/** Makes the OpenAPI 3.1 document from the very routes that `app` serves, so that the two can not drift apart. */
export function openApiDocument(app: Api, publicUrl: string) {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'AxonOS Credits', version: '1', description, license: { name: 'MIT' } },
    // Relative first: whoever reads the document tries it where it was read, under whatever name that is.
    servers: [{ url: '/' }, { url: publicUrl }],
    tags,
  })
}

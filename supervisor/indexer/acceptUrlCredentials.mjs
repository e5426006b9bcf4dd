// Loaded into the indexer before anything else (`node --import`). Plain JavaScript, because the indexer has its own
// loader.

// Ponder 0.16.10 hands RPC URLs to `new Request` as they are, which refuses one with user and password: the index of such
// a chain would never begin, and nothing would say why. This sends them as a header, as billing's own requests do.
const PlainRequest = globalThis.Request

globalThis.Request = class Request extends PlainRequest {
  constructor(input, init) {
    const url = typeof input === 'string' && URL.canParse(input) ? new URL(input) : null
    if (url === null || (url.username === '' && url.password === '')) {
      super(input, init)
      return
    }
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    url.username = ''
    url.password = ''
    const headers = new Headers(init?.headers)
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
    super(url, { ...init, headers })
  }
}

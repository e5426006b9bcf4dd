import {
  MAX_RESPONSE_BYTES,
  nextRequestId,
  type RawAnswer,
  readAnswer,
  type Send,
  tooLargeError,
  transportError,
} from './jsonRpc.ts'

/** Sends each request by a POST of its own. */
export function httpSender(url: string, secrets: readonly string[]): Send {
  const { target, headers } = withoutCredentials(url)
  return async (method, params, signal, maxBytes = MAX_RESPONSE_BYTES) => {
    const id = nextRequestId()
    let answer: RawAnswer | 'too_large'
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
        signal,
      })
      answer = await readBody(response, maxBytes)
    } catch {
      throw transportError({ timedOut: signal.aborted })
    }
    if (answer === 'too_large') throw tooLargeError(method)
    return readAnswer(answer, { method, id, secrets })
  }
}

async function readBody(response: Response, maxBytes: number): Promise<RawAnswer | 'too_large'> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Ended early, the loop cancels what is still to come.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return 'too_large'
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  return { status: response.status, text, retryAfter: response.headers.get('retry-after') }
}

/** `fetch` refuses URLs with user and password; as a header it takes them (RFC 7617). */
function withoutCredentials(text: string): { target: string; headers: Record<string, string> } {
  const url = new URL(text)
  if (url.username === '' && url.password === '') return { target: text, headers: {} }
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  return {
    target: url.href,
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
  }
}

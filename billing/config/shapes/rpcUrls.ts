import type { Shape } from '../shape.ts'

/** RPC URLs of one chain. What is wrong is said by position, for a URL often holds a key. */
export const rpcUrls: Shape<string[]> = {
  mayBe: 'comma-separated, different http(s) and ws(s) URLs, at least one of them http(s)',
  parse(text) {
    const value = text.split(',').map((entry) => entry.trim())
    const urls = value.map((entry) => (URL.canParse(entry) ? new URL(entry) : null))
    for (const [index, url] of urls.entries()) {
      if (url === null) return { ok: false, why: `entry ${index + 1} is not a URL` }
      if (!/^(https?|wss?):$/.test(url.protocol)) {
        return { ok: false, why: `entry ${index + 1} is neither http(s) nor ws(s)` }
      }
      const first = urls.findIndex((other) => other?.href === url.href)
      if (first < index) return { ok: false, why: `entries ${first + 1} and ${index + 1} are the same` }
    }
    if (!urls.some((url) => url?.protocol.startsWith('http'))) {
      return { ok: false, why: 'there is no http(s) URL among them' }
    }
    return { ok: true, value }
  },
}

import { createSiweMessage } from 'viem/siwe'
import type { Shape } from '../setting.ts'

/** An http(s) URL to which paths can be added; stored without a trailing slash. */
export const webUrl: Shape<string> = {
  mayBe: 'an http(s) URL without user name, password, query and fragment',
  parse(text) {
    if (!URL.canParse(text)) return { ok: false, why: null }
    const url = new URL(text)
    const isPlain = url.username === '' && url.password === '' && !/[?#]/.test(text)
    if (!/^https?:$/.test(url.protocol) || !isPlain) return { ok: false, why: null }
    return { ok: true, value: url.href.replace(/\/+$/, '') }
  },
}

/** A web URL that people can sign in to: its host must be one that a sign-in message can name (EIP-4361). */
export const publicUrl: Shape<string> = {
  mayBe: `${webUrl.mayBe}, whose host is a domain name, an IPv4 address or localhost`,
  parse(text) {
    const parsed = webUrl.parse(text)
    if (!parsed.ok || canBeSignedInTo(parsed.value)) return parsed
    return { ok: false, why: 'no sign-in message can name such a host' }
  },
}

/** Asks the function that writes the messages: it is stricter than the URL parser. */
function canBeSignedInTo(url: string): boolean {
  try {
    createSiweMessage({
      domain: new URL(url).host,
      uri: url,
      version: '1',
      address: '0x0000000000000000000000000000000000000000',
      chainId: 1,
      nonce: '00000000',
    })
    return true
  } catch {
    return false
  }
}

/** RPC URLs of one chain. Faults name an entry by its position, because a URL often holds a key. */
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

/** A PostgreSQL connection URL. */
export const databaseUrl: Shape<string> = {
  mayBe: 'a `postgres://` or `postgresql://` URL with a host',
  parse(text) {
    if (!URL.canParse(text)) return { ok: false, why: null }
    const url = new URL(text)
    return /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== ''
      ? { ok: true, value: text }
      : { ok: false, why: null }
  },
}

/** Where events are sent. A query is allowed: receivers put their token there, which is why it is never printed. */
export const webhookUrl: Shape<string> = {
  mayBe: 'an http(s) URL without user name, password and fragment',
  parse(text) {
    if (!URL.canParse(text)) return { ok: false, why: null }
    const url = new URL(text)
    const isPlain = url.username === '' && url.password === '' && url.hash === ''
    return /^https?:$/.test(url.protocol) && isPlain ? { ok: true, value: text } : { ok: false, why: null }
  },
}

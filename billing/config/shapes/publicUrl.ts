import { createSiweMessage } from 'viem/siwe'
import type { Shape } from '../shape.ts'
import { webUrl } from './urls.ts'

/** A web URL that people can sign in to: its host must be one that a sign-in message can name (EIP-4361). */
export const publicUrl: Shape<string> = {
  mayBe: `${webUrl.mayBe}, whose host is a domain name, an IPv4 address or localhost`,
  parse(text) {
    const parsed = webUrl.parse(text)
    if (!parsed.ok || canBeSignedInTo(parsed.value)) return parsed
    return { ok: false, why: 'no sign-in message can name such a host' }
  },
}

/** By the function that writes the messages: it is stricter than URLs are. */
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

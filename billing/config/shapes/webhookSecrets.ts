import type { Shape } from '../setting.ts'

/** A key that events are signed with: its text as given, which must never be printed, and its bytes. */
export interface WebhookSecret {
  text: string
  key: Buffer
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const MIN_BYTES = 16

/**
 * One signing key, or two while they are changed, comma-separated, as Standard Webhooks writes them: `whsec_` and base64.
 * Without the prefix, valid base64 is decoded, as receivers' libraries do, and any other text is used as its own bytes.
 */
export const webhookSecrets: Shape<WebhookSecret[]> = {
  mayBe:
    '24 to 512 visible ASCII characters: `whsec_` and base64 of at least 16 bytes; two, comma-separated, while they are changed',
  parse(text) {
    const parts = text.split(',').map((part) => part.trim())
    if (parts.length > 2) return { ok: false, why: 'there are more than two' }
    const value: WebhookSecret[] = []
    for (const part of parts) {
      const key = /^[\x21-\x7e]{24,512}$/.test(part) ? keyOf(part) : null
      if (key === null) return { ok: false, why: null }
      value.push({ text: part, key })
    }
    return { ok: true, value }
  },
}

function keyOf(text: string): Buffer | null {
  const isPrefixed = text.startsWith('whsec_')
  const encoded = isPrefixed ? text.slice('whsec_'.length) : text
  const isBase64 = BASE64.test(encoded) && (isPrefixed || encoded.length % 4 === 0)
  if (!isBase64) return isPrefixed ? null : Buffer.from(text)
  const key = Buffer.from(encoded, 'base64')
  return key.length >= MIN_BYTES ? key : null
}

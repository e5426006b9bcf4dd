import type { Shape } from '../shape.ts'

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

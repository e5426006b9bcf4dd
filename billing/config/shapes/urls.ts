import type { Shape } from '../shape.ts'

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

import type { Shape } from '../shape.ts'

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

const printable = /^[\x20-\x7e]{1,300}$/

/**
 * The opaque form in which a list's keyset value travels: base64url, so that nobody takes it for something to build
 * themselves. `decode` gives null for what `encode` can not have written.
 */
export const pageCursor = {
  encode(key: string): string {
    return Buffer.from(key, 'utf8').toString('base64url')
  },
  decode(cursor: string): string | null {
    const key = Buffer.from(cursor, 'base64url').toString('utf8')
    return printable.test(key) && pageCursor.encode(key) === cursor ? key : null
  },
}

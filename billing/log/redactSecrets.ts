/** Takes secrets out of a text that comes from outside: some providers repeat in an error the key they were given. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text)
}

/** Shorter path segments and query values are names (`v2`, `mainnet`), not keys. */
const SHORTEST_KEY = 12
/** A user of three letters or less would make a hole in every other word. */
const SHORTEST_CREDENTIAL = 4

/**
 * Everything in a URL that may be a secret: itself, user, password, and what in its path and query is long enough to be a
 * key; each as it is written and as it reads. Longest first, so that none is cut by one that it contains.
 */
export function urlSecrets(text: string): string[] {
  const url = new URL(text)
  const keys = [...url.pathname.split('/'), ...url.search.split(/[?&=]/)].filter(
    ({ length }) => length >= SHORTEST_KEY,
  )
  const credentials = [url.username, url.password].filter(({ length }) => length >= SHORTEST_CREDENTIAL)
  const parts = [...keys, ...credentials]
  const secrets = new Set([text, url.href, ...parts, ...parts.map(decoded)])
  return [...secrets].sort((a, b) => b.length - a.length)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

import type { Config } from '../config/config.ts'

const credentialsInUrl = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi

/**
 * Makes an error fit for the log: its type, message and stack without the settings' secrets. Errors of RPC clients
 * and database drivers carry the URL they failed on, and such URLs carry keys.
 */
export function loggableError(
  error: unknown,
  config: Config,
): { type: string; message: string; stack?: string } {
  const secrets = [
    ...config.chains.flatMap((chain) => chain.rpcUrls.flatMap(urlSecrets)),
    config.databaseUrl,
    config.serviceApiKey,
    config.adminApiKey,
    ...(config.webhook === null ? [] : urlSecrets(config.webhook.url)),
    ...(config.webhook?.secrets.map(({ text }) => text) ?? []),
  ].filter((secret): secret is string => typeof secret === 'string' && secret !== '')
  const redact = (text: string) =>
    secrets
      .reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text)
      .replace(credentialsInUrl, '$1[redacted]@')
  if (!(error instanceof Error)) return { type: typeof error, message: redact(String(error)) }
  return {
    type: error.name,
    message: redact(error.message),
    ...(error.stack === undefined ? {} : { stack: redact(error.stack) }),
  }
}

/** Removes secrets from a text that comes from outside: some providers repeat the key they were given in an error. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text)
}

/** Shorter path segments and query values are names (`v2`, `mainnet`), not keys. */
const MIN_KEY_CHARACTERS = 12
/** Redacting a user name of three letters or fewer would hit parts of ordinary words. */
const MIN_CREDENTIAL_CHARACTERS = 4

/**
 * Lists everything in a URL that may be secret: the URL itself, user, password, and the parts of its path and query that are
 * long enough to be a key, each both encoded and decoded. Longest first, so that a secret is replaced before its parts.
 */
export function urlSecrets(text: string): string[] {
  const url = new URL(text)
  const keys = [...url.pathname.split('/'), ...url.search.split(/[?&=]/)].filter(
    ({ length }) => length >= MIN_KEY_CHARACTERS,
  )
  const credentials = [url.username, url.password].filter(({ length }) => length >= MIN_CREDENTIAL_CHARACTERS)
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

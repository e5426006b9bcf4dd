import type { Config } from '../config/config.ts'
import { urlSecrets } from './redactSecrets.ts'

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

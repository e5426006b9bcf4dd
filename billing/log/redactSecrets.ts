/** Takes secrets out of a text that comes from outside: some providers repeat in an error the key they were given. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text)
}

import { expect, test } from 'vitest'
import { loggableError } from '../../../billing/log/loggableError.ts'
import { config } from '../api/fakeDeps.ts'

const WEBHOOK_URL = 'https://hooks.example/in/path-key-0123456789?token=query-key-0123456789'
const SIGNING_KEY = 'whsec_c2lnbmluZy1rZXktMDEyMzQ1Njc4OQ=='

const withWebhook = {
  ...config,
  webhook: {
    url: WEBHOOK_URL,
    secrets: [{ text: SIGNING_KEY, key: Buffer.from('signing-key-0123456789') }],
    allowPrivate: false,
  },
}

test.each([
  ['the URL of the webhook receiver', WEBHOOK_URL],
  ['a key in its path', 'path-key-0123456789'],
  ['a key in its query', 'query-key-0123456789'],
  ['the key that webhooks are signed with', SIGNING_KEY],
  ['the service key', config.serviceApiKey],
  ['the admin key', config.adminApiKey],
])('%s is in neither message nor stack of a logged error', (_what, secret) => {
  const logged = loggableError(new TypeError(`could not do it with ${secret}, alas`), withWebhook)
  expect(logged).toMatchObject({ type: 'TypeError', message: 'could not do it with [redacted], alas' })
  expect(logged.stack).not.toContain(secret)
  expect(loggableError(`${secret}!`, withWebhook)).toEqual({ type: 'string', message: '[redacted]!' })
})

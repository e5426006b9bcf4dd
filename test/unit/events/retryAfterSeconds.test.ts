import { expect, test } from 'vitest'
import { retryAfterSeconds } from '../../../billing/events/webhooks/postWebhook.ts'

const now = Date.parse('2026-01-01T00:00:00Z')

test.each([
  [undefined, null],
  ['', null],
  ['soon', null],
  ['-1', null],
  ['0', 0],
  ['120', 120],
  ['9'.repeat(40), null],
  ['Thu, 01 Jan 2026 00:02:00 GMT', 120],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
])('%s asks to wait %s', (header, seconds) => {
  expect(retryAfterSeconds(header, now)).toBe(seconds)
})

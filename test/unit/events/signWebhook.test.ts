import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { signWebhook } from '../../../billing/events/webhooks/postWebhook.ts'

/** The example of the specification's own libraries. */
test('the signature is the one of the specification', () => {
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
  const message = {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestampSeconds: 1_614_265_330,
    body: '{"test": 2432232314}',
  }
  expect(signWebhook(message, [key])).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('each of two keys verifies what both signed, any other does not', () => {
  const keys = [Buffer.alloc(24, 1), Buffer.alloc(24, 2)]
  const message = { id: 'evt_1', timestampSeconds: Math.floor(Date.now() / 1_000), body: '{"a":"ä"}' }
  const headers = {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestampSeconds),
    'webhook-signature': signWebhook(message, keys),
  }
  for (const key of keys) {
    const receiver = new Webhook(key.toString('base64'))
    expect(receiver.verify(message.body, headers)).toEqual({ a: 'ä' })
    expect(() => receiver.verify('{"a":"b"}', headers)).toThrow('No matching signature')
    expect(() => receiver.verify(message.body, { ...headers, 'webhook-id': 'evt_2' })).toThrow()
  }
  const stranger = new Webhook(Buffer.alloc(24, 3).toString('base64'))
  expect(() => stranger.verify(message.body, headers)).toThrow('No matching signature')
})

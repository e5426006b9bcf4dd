import { expect, it } from 'vitest'
import { redactUrls } from '../../../supervisor/redactUrls.ts'

it.each([
  ['URL: https://eth.example/v2/SECRET failed', 'URL: https://eth.example/… failed'],
  ['{"url":"wss://user:SECRET@node.example:8546/ws?key=SECRET"}', '{"url":"wss://node.example:8546/…"}'],
  ['https://node.example?apikey=SECRET', 'https://node.example/…'],
  ['postgres://postgres:SECRET@127.0.0.1:5432/postgres', 'postgres://127.0.0.1:5432/…'],
  ['postgresql://a:p@SS@host/db', 'postgresql://host/…'],
  ['HTTPS://X.example/SECRET HTTP://y.example', 'HTTPS://X.example/… HTTP://y.example'],
  ['block 12 of http', 'block 12 of http'],
])('takes what may be secret out of %s', (text, expected) => {
  expect(redactUrls(text)).toBe(expected)
  expect(redactUrls(text)).not.toContain('SECRET')
})

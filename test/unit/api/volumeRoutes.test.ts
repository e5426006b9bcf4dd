import { expect, test } from 'vitest'
import { createApp } from '../../../billing/api/createApp.ts'
import { fakeDeps, serviceKey, wallet } from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

const authorization = { Authorization: `Bearer ${serviceKey}` }
const put = (body: string) => ({
  method: 'PUT',
  headers: { ...authorization, 'Content-Type': 'application/json' },
  body,
})
const report = (sizeBytes: string) => put(`{"wallet":"${wallet}","sizeBytes":${sizeBytes}}`)
const remove = { method: 'DELETE', headers: authorization }
const read = { headers: authorization }

const storedJson = {
  id: 'stored',
  wallet,
  sizeBytes: '107374182400',
  state: 'active',
  billedMicros: '300000001',
  billedMinutes: '5',
}

test('a volume is reported, read and deleted, each time with what it has cost', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const answers = [
    await app.request('/v1/volumes/stored', report('"107374182400"')),
    await app.request('/v1/volumes/stored', read),
    await app.request('/v1/volumes/stored', remove),
  ]
  for (const answer of answers) expect([answer.status, await answer.json()]).toEqual([200, storedJson])
  expect(deps.asked).toEqual([
    ['put', { id: 'stored', account: wallet, sizeBytes: 107_374_182_400n }],
    ['read', 'stored'],
    ['remove', 'stored'],
  ])
})

test('a volume that is due to be pruned says so', async () => {
  const answer = await createApp(fakeDeps()).request('/v1/volumes/due', read)
  expect(await answer.json()).toEqual({ ...storedJson, id: 'due', state: 'prune_due' })
})

test('a deleted volume is 404 to readers, and can be deleted again', async () => {
  const app = createApp(fakeDeps())
  const deleted = await app.request('/v1/volumes/deleted', read)
  const again = await app.request('/v1/volumes/deleted', remove)
  expect(await statusAndCode(deleted)).toEqual([404, 'volume_not_found'])
  expect([again.status, await again.json()]).toEqual([200, { ...storedJson, id: 'deleted' }])
})

test('a volume that was never reported is 404, one of another wallet 409', async () => {
  const app = createApp(fakeDeps())
  for (const request of [read, remove]) {
    const answer = await app.request('/v1/volumes/unknown', request)
    expect(await statusAndCode(answer)).toEqual([404, 'volume_not_found'])
  }
  const taken = await app.request('/v1/volumes/taken', report('1'))
  expect(await statusAndCode(taken)).toEqual([409, 'volume_conflict'])
})

test.each([
  ['0', 0n],
  ['"0"', 0n],
  ['-0', 0n],
  ['1', 1n],
  ['1e3', 1_000n],
  ['9007199254740991', 2n ** 53n - 1n],
  ['"9007199254740993"', 2n ** 53n + 1n],
  ['"9223372036854775807"', 2n ** 63n - 1n],
])('a size of %s is stored exactly', async (sizeBytes, expected) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request('/v1/volumes/v', report(sizeBytes))
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ sizeBytes: expected.toString() })
  expect(deps.asked).toEqual([['put', { id: 'v', account: wallet, sizeBytes: expected }]])
})

test.each([
  '-1',
  '"-1"',
  '"-0"',
  '0.5',
  '"0.5"',
  '"1.0"',
  '1e300',
  '1e999',
  '-1e999',
  '"1e3"',
  '"Infinity"',
  '"NaN"',
  '"0x10"',
  '"01"',
  '"+1"',
  '" 1"',
  '"1\\n"',
  '""',
  '"٣"',
  // What a JSON number loses on the way is not guessed.
  '9007199254740992',
  '9007199254740993',
  '9223372036854775807',
  '"9223372036854775808"',
  '"9999999999999999999"',
  '"18446744073709551616"',
  `"${'9'.repeat(5_000)}"`,
  'null',
  'true',
  '[1]',
  '["1"]',
  '{}',
])('a size of %s is refused', async (sizeBytes) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request('/v1/volumes/v', report(sizeBytes))
  expect(answer.status).toBe(422)
  expect(await answer.json()).toMatchObject({
    code: 'invalid_request',
    faults: [{ in: 'json', path: 'sizeBytes', message: expect.stringContaining('below 2^63') }],
  })
  expect(deps.asked).toEqual([])
})

test.each([
  '{}',
  `{"wallet":"${wallet}"}`,
  '{"sizeBytes":1}',
  `{"wallet":"${wallet}","sizeBytes":1,"state":"active"}`,
  `{"wallet":"${wallet}0","sizeBytes":1}`,
  `{"wallet":null,"sizeBytes":1}`,
  `{"wallet":"${wallet}","sizeBytes":1,"__proto__":{}}`,
  '[]',
])('the report %s is refused', async (body) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request('/v1/volumes/v', put(body))
  expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  expect(deps.asked).toEqual([])
})

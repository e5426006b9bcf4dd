import type { LookupFunction } from 'node:net'
import { expect, test } from 'vitest'
import { sharedLookup } from '../../../billing/events/webhooks/publicLookup.ts'

/** A resolver that answers when it is told to. */
function slowResolver() {
  const asked: { hostname: string; answer: (address: string) => void; fail: (code: string) => void }[] = []
  const resolve: LookupFunction = (hostname, _options, callback) => {
    const fail = (code: string) => callback(Object.assign(new Error('no'), { code }), '', 0)
    asked.push({ hostname, answer: (address) => callback(null, [{ address, family: 4 }]), fail })
  }
  return { asked, lookup: sharedLookup(resolve) }
}

const ask = (lookup: LookupFunction, hostname: string, options = { all: true }) =>
  new Promise((resolve) => lookup(hostname, options, (error, found) => resolve(error?.code ?? found)))

test('however many ask for a name at once, it is looked up once, and all are answered', async () => {
  const { asked, lookup } = slowResolver()
  const answers = Promise.all(Array.from({ length: 8 }, () => ask(lookup, 'hangs.example')))
  expect(asked).toHaveLength(1)
  asked[0]?.answer('1.1.1.1')
  expect(await answers).toEqual(Array(8).fill([{ address: '1.1.1.1', family: 4 }]))
})

test('an answer is nobody’s who asks after it', async () => {
  const { asked, lookup } = slowResolver()
  const first = ask(lookup, 'receiver.example')
  asked[0]?.fail('EAI_AGAIN')
  expect(await first).toBe('EAI_AGAIN')
  const second = ask(lookup, 'receiver.example')
  asked[1]?.answer('127.0.0.1')
  expect(await second).toEqual([{ address: '127.0.0.1', family: 4 }])
})

test('another name, or the same asked in another way, is another question', () => {
  const { asked, lookup } = slowResolver()
  void ask(lookup, 'hangs.example')
  void ask(lookup, 'other.example')
  void ask(lookup, 'hangs.example', { all: false })
  expect(asked.map(({ hostname }) => hostname)).toEqual(['hangs.example', 'other.example', 'hangs.example'])
})

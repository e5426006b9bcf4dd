import type { LookupAddress } from 'node:dns'
import { expect, test } from 'vitest'
import { publicLookup } from '../../../billing/events/webhooks/publicLookup.ts'

const v4 = (address: string): LookupAddress => ({ address, family: 4 })
const v6 = (address: string): LookupAddress => ({ address, family: 6 })

/** What a connection learns of a name that resolves so, each time it is asked. */
function look(answers: LookupAddress[][], all: boolean) {
  const lookup = publicLookup((_name, _options, callback) => callback(null, answers.shift() ?? []))
  return () =>
    new Promise((resolve) =>
      lookup('receiver.example', { all }, (error, address) => resolve(error === null ? address : error.code)),
    )
}

test('a name of public addresses is looked up as always', async () => {
  const addresses = [v6('2606:4700::1111'), v4('1.1.1.1')]
  expect(await look([addresses], true)()).toEqual(addresses)
  expect(await look([addresses], false)()).toBe('2606:4700::1111')
})

test.each([
  ['first', [v4('10.0.0.1'), v4('1.1.1.1')]],
  ['last', [v4('1.1.1.1'), v6('2606:4700::1111'), v6('::ffff:169.254.169.254')]],
  ['only', [v6('::1')]],
  ['none', []],
])('a private address refuses the name: %s', async (_where, addresses) => {
  expect(await look([addresses], true)()).toBe('ERR_ADDRESS_NOT_PUBLIC')
  expect(await look([addresses], false)()).toBe('ERR_ADDRESS_NOT_PUBLIC')
})

test('a name is judged each time anew: it may have another address by then', async () => {
  const ask = look([[v4('1.1.1.1')], [v4('127.0.0.1')]], false)
  expect(await ask()).toBe('1.1.1.1')
  expect(await ask()).toBe('ERR_ADDRESS_NOT_PUBLIC')
})

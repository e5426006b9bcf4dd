import { expect, test } from 'vitest'
import { parseHash } from '../../../panel/pay/parseHash.ts'

const digits = 'aB12'.repeat(16)
const txHash = `0x${digits.toLowerCase()}`

test.each([
  `0x${digits}`,
  `0X${digits}`,
  digits,
  `  0x${digits}\n`,
  `https://etherscan.io/tx/0x${digits}`,
  `https://basescan.org/tx/0x${digits}?tab=logs#eventlog`,
])('a hash is found in %j', (text) => {
  expect(parseHash(text)).toEqual({ kind: 'hash', txHash })
})

test.each([
  ['', { kind: 'empty' }],
  [' \n ', { kind: 'empty' }],
  [`0x${'ab'.repeat(20)}`, { kind: 'address' }],
  ['0xabc', { kind: 'short', digits: 3 }],
  [`0x${digits.slice(1)}`, { kind: 'short', digits: 63 }],
  [`0x${digits}0`, { kind: 'form' }],
  [`0x${digits.slice(1)}g`, { kind: 'form' }],
  [`0x${digits} 0x${digits}`, { kind: 'form' }],
  [`https://etherscan.io/address/0x${'ab'.repeat(20)}`, { kind: 'form' }],
  ['hello', { kind: 'form' }],
])('%j is none', (text, expected) => {
  expect(parseHash(text)).toEqual(expected)
})

import { expect, test } from 'vitest'
import { timeLeft } from '../../../panel/pay/timeLeft.ts'

const NOW_MS = 1_000_000_000_000
const wait = { confirmationsRequired: 6, nowMs: NOW_MS }

test('on a chain of known pace the missing blocks are counted', () => {
  expect(timeLeft({ ...wait, chainId: 1, confirmations: 1, sightings: [] })).toBe(60)
  expect(timeLeft({ ...wait, chainId: 8453, confirmations: 0, sightings: [] })).toBe(12)
})

test('what passed since the last block is taken off, but no more than one block', () => {
  const seen = (agoMs: number) => [{ confirmations: 2, atMs: NOW_MS - agoMs }]
  expect(timeLeft({ ...wait, chainId: 1, confirmations: 2, sightings: seen(5_000) })).toBe(43)
  expect(timeLeft({ ...wait, chainId: 1, confirmations: 2, sightings: seen(300_000) })).toBe(36)
  expect(timeLeft({ ...wait, chainId: 1, confirmations: 2, sightings: seen(-300_000) })).toBe(48)
})

test('on another chain the pace is what was seen, and nothing is said before a block came', () => {
  const first = { confirmations: 1, atMs: NOW_MS - 8_000 }
  const second = { confirmations: 3, atMs: NOW_MS }
  expect(timeLeft({ ...wait, chainId: 31337, confirmations: 1, sightings: [] })).toBeNull()
  expect(timeLeft({ ...wait, chainId: 31337, confirmations: 1, sightings: [first] })).toBeNull()
  expect(timeLeft({ ...wait, chainId: 31337, confirmations: 3, sightings: [first, second] })).toBe(12)
})

test('the wait in the mempool does not count as a block', () => {
  const sightings = [
    { confirmations: 0, atMs: NOW_MS - 600_000 },
    { confirmations: 1, atMs: NOW_MS - 4_000 },
    { confirmations: 2, atMs: NOW_MS },
  ]
  expect(timeLeft({ ...wait, chainId: 31337, confirmations: 2, sightings })).toBe(16)
})

test('after a reorg the pace is measured anew', () => {
  const sightings = [
    { confirmations: 4, atMs: NOW_MS - 100_000 },
    { confirmations: 1, atMs: NOW_MS - 2_000 },
    { confirmations: 2, atMs: NOW_MS },
  ]
  expect(timeLeft({ ...wait, chainId: 31337, confirmations: 2, sightings })).toBe(8)
})

test('with all confirmations there is nothing left to wait for', () => {
  expect(timeLeft({ ...wait, chainId: 31337, confirmations: 6, sightings: [] })).toBe(0)
  expect(timeLeft({ ...wait, chainId: 1, confirmations: 9, sightings: [] })).toBe(0)
})

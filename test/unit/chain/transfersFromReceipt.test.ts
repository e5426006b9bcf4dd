import { type Address, type Hex, numberToHex, pad } from 'viem'
import { describe, expect, it, test } from 'vitest'
import { TRANSFER_TOPIC, transfersFromReceipt } from '../../../billing/chain/proof/transfers.ts'
import { receipt, type WireLog } from '../../../billing/chain/rpc/wire.ts'
import type { Asset } from '../../../billing/config/config.ts'

const wallet: Address = `0x${'aa'.repeat(20)}`
const payer: Address = `0x${'bb'.repeat(20)}`
const usdc: Address = `0x${'cc'.repeat(20)}`
const axgt: Address = `0x${'dd'.repeat(20)}`
const tokens = new Map<Address, Asset>([
  [usdc, 'usdc'],
  [axgt, 'axgt'],
])
const MAX = 2n ** 256n - 1n
const word = (value: bigint): Hex => numberToHex(value, { size: 32 })

function logOf(change: Partial<WireLog> = {}): WireLog {
  return {
    address: usdc,
    topics: [TRANSFER_TOPIC, pad(payer), pad(wallet)],
    data: word(7n),
    logIndex: 0n,
    blockHash: `0x${'01'.repeat(32)}`,
    blockNumber: 1n,
    transactionHash: `0x${'02'.repeat(32)}`,
    ...change,
  }
}

const read = (...changes: Partial<WireLog>[]) =>
  transfersFromReceipt({ logs: changes.map(logOf) }, tokens, wallet)

test('a standard Transfer log of each configured token is a payment by its `from`', () => {
  expect(read({}, { address: axgt, data: word(MAX) }, { data: word(1n) })).toEqual([
    { asset: 'usdc', payer, amountBaseUnits: 7n },
    { asset: 'axgt', payer, amountBaseUnits: MAX },
    { asset: 'usdc', payer, amountBaseUnits: 1n },
  ])
})

describe('nothing is read from a log', () => {
  const standard = [TRANSFER_TOPIC, pad(payer), pad(wallet)]
  const dirty = (address: Address): Hex => `0x${'00'.repeat(11)}01${address.slice(2)}`
  it.each<[string, Partial<WireLog>]>([
    ['of another contract, byte for byte the same', { address: `0x${'ee'.repeat(20)}` }],
    ['of the wallet itself as the contract', { address: wallet }],
    ['that a reorg removed', { removed: true }],
    ['without topics', { topics: [] }],
    ['with one topic, all arguments in the data', { topics: [TRANSFER_TOPIC] }],
    ['with two topics', { topics: standard.slice(0, 2) as Hex[] }],
    ['with four topics, as of an NFT', { topics: [...standard, word(7n)] as Hex[], data: '0x' }],
    ['with four topics and data', { topics: [...standard, word(7n)] as Hex[] }],
    ['of another event', { topics: [word(1n), pad(payer), pad(wallet)] }],
    ['with dirty upper bytes in `from`', { topics: [TRANSFER_TOPIC, dirty(payer), pad(wallet)] }],
    ['with dirty upper bytes in `to`', { topics: [TRANSFER_TOPIC, pad(payer), dirty(wallet)] }],
    [
      'with the wallet aligned left in `to`',
      { topics: [TRANSFER_TOPIC, pad(payer), pad(wallet, { dir: 'right' })] },
    ],
    ['with `from` and `to` the other way round', { topics: [TRANSFER_TOPIC, pad(wallet), pad(payer)] }],
    ['to the zero address', { topics: [TRANSFER_TOPIC, pad(payer), word(0n)] }],
    ['of a mint', { topics: [TRANSFER_TOPIC, word(0n), pad(wallet)] }],
    ['of the wallet to itself', { topics: [TRANSFER_TOPIC, pad(wallet), pad(wallet)] }],
    ['of nothing', { data: word(0n) }],
    ['without data', { data: '0x' }],
    ['with 31 bytes of data', { data: `0x${'07'.repeat(31)}` }],
    ['with 33 bytes of data', { data: `0x${'07'.repeat(33)}` }],
    ['with 64 bytes of data', { data: `0x${'07'.repeat(64)}` }],
  ])('%s', (_name, change) => {
    expect(read(change)).toEqual([])
    // Nor does it take the payments around it along.
    expect(read({}, change, {})).toHaveLength(2)
  })
})

test('no tokens configured, no payments', () => {
  expect(transfersFromReceipt({ logs: [logOf()] }, new Map(), wallet)).toEqual([])
})

test('100 000 logs are read, each once', () => {
  const logs = Array.from({ length: 100_000 }, (_, index) => logOf({ data: word(BigInt(index)) }))
  const read = transfersFromReceipt({ logs }, tokens, wallet)
  expect(read).toHaveLength(99_999)
  expect(read.reduce((sum, { amountBaseUnits }) => sum + amountBaseUnits, 0n)).toBe(4_999_950_000n)
})

describe('a receipt on the wire', () => {
  const wire = {
    transactionHash: `0x${'02'.repeat(32)}`,
    blockHash: `0x${'01'.repeat(32)}`,
    blockNumber: '0x1',
    status: '0x1',
    to: usdc,
    gasUsed: '0xffff',
    logs: [{ ...logOf(), logIndex: '0x0', blockNumber: '0x1' }],
  }
  const withLog = (change: Record<string, unknown>) => ({ ...wire, logs: [{ ...wire.logs[0], ...change }] })

  it('is lower-cased, so that an RPC that writes checksums or capitals says the same', () => {
    const capitals = withLog({
      address: `0x${'CC'.repeat(20)}`,
      topics: [TRANSFER_TOPIC, pad(payer), pad(wallet)].map((topic) => `0x${topic.slice(2).toUpperCase()}`),
    })
    expect(transfersFromReceipt(receipt.parse(capitals), tokens, wallet)).toEqual([
      { asset: 'usdc', payer, amountBaseUnits: 7n },
    ])
  })

  it.each<[string, unknown]>([
    ['is null', null],
    ['is a list', []],
    ['has no status, as before Byzantium', { ...wire, status: undefined }],
    ['has a status of another kind', { ...wire, status: '0x01' }],
    ['has a status that is true', { ...wire, status: true }],
    ['has no block hash', { ...wire, blockHash: null }],
    ['has no logs', { ...wire, logs: undefined }],
    ['has a null among its logs', { ...wire, logs: [null] }],
    ['has a log without topics', withLog({ topics: undefined })],
    ['has a topic of 31 bytes', withLog({ topics: [`0x${'00'.repeat(31)}`] })],
    ['has a log without an address', withLog({ address: undefined })],
    ['has an address of 21 bytes', withLog({ address: `0x${'cc'.repeat(21)}` })],
    ['has data of half a byte', withLog({ data: '0x0' })],
    ['has a number for data', withLog({ data: 7 })],
    ['has an amount beyond 256 bits for a block number', { ...wire, blockNumber: `0x${'f'.repeat(65)}` }],
  ])('is refused whole when it %s', (_name, answer) => {
    expect(receipt.safeParse(answer).success).toBe(false)
  })
})

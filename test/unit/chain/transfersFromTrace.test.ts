import { type Address, numberToHex } from 'viem'
import { describe, expect, it, test } from 'vitest'
import { transfersFromTrace } from '../../../billing/chain/proof/transfers.ts'
import { RpcError } from '../../../billing/chain/rpc/rpcError.ts'

const wallet: Address = `0x${'aa'.repeat(20)}`
const payer: Address = `0x${'bb'.repeat(20)}`
const other: Address = `0x${'cc'.repeat(20)}`

type Frame = Record<string, unknown>
/** A call between two others that moves nothing. */
const around = (...calls: unknown[]): Frame => ({ type: 'CALL', from: other, to: payer, value: '0x0', calls })
const paying = (change: Frame = {}): Frame => ({
  type: 'CALL',
  from: payer,
  to: wallet,
  value: '0x7',
  ...change,
})
const paid = (amountBaseUnits = 7n) => ({ asset: 'eth', payer, amountBaseUnits })

describe('a payment is read', () => {
  it.each<[string, unknown]>([
    ['from the top frame', paying()],
    ['from a CALL inside', around(paying())],
    ['from a SELFDESTRUCT', around(paying({ type: 'SELFDESTRUCT' }))],
    [
      'whatever the case of the type and the addresses',
      around(paying({ type: 'call', to: wallet.toUpperCase().replace('0X', '0x') })),
    ],
    [
      'beneath a DELEGATECALL, as a proxy pays',
      around({ type: 'DELEGATECALL', from: payer, to: other, value: '0x0', calls: [paying()] }),
    ],
    [
      'beneath a CREATE',
      around({
        type: 'CREATE',
        from: other,
        to: payer,
        value: '0x7',
        calls: [paying({ type: 'SELFDESTRUCT' })],
      }),
    ],
    ['beside a frame that failed', around(paying({ error: 'execution reverted' }), paying())],
    ['with nulls where there is nothing to say', paying({ error: null, calls: null })],
    [
      'with fields nobody asked for',
      paying({ gas: '0x1', gasUsed: '0x1', input: '0x', logs: [], precompiled: false }),
    ],
  ])('%s', (_name, trace) => {
    expect(transfersFromTrace(trace, wallet)).toEqual([paid()])
  })

  it('exactly, at 1 and at 2^256 − 1', () => {
    const most = 2n ** 256n - 1n
    const trace = around(paying({ value: '0x1' }), paying({ value: numberToHex(most) }))
    expect(transfersFromTrace(trace, wallet)).toEqual(expect.arrayContaining([paid(1n), paid(most)]))
  })
})

describe('nothing is read', () => {
  it.each<[string, unknown]>([
    ['from a DELEGATECALL aimed at the wallet', around(paying({ type: 'DELEGATECALL' }))],
    ['from a CALLCODE aimed at the wallet', around(paying({ type: 'CALLCODE' }))],
    ['from a STATICCALL aimed at the wallet', around(paying({ type: 'STATICCALL' }))],
    ['from a CREATE at the wallet', around(paying({ type: 'CREATE' }))],
    ['from a CREATE2 at the wallet', around(paying({ type: 'CREATE2' }))],
    ['from a type nobody knows', around(paying({ type: 'CALL ' }), paying({ type: 'SUICIDE' }))],
    ['from a frame that failed', around(paying({ error: 'insufficient balance for transfer' }))],
    ['from a frame whose error is empty', around(paying({ error: '' }))],
    ['directly beneath a failed frame', { ...around(paying()), error: 'execution reverted' }],
    ['deep beneath a failed frame', { ...around(around(around(around(paying())))), error: 'out of gas' }],
    [
      'beneath a frame that failed in the middle',
      around(around({ ...around(around(paying())), error: 'execution reverted' })),
    ],
    ['of no value', around(paying({ value: '0x0' }), paying({ value: null }), paying({ value: undefined }))],
    ['from the wallet to itself', around(paying({ from: wallet }))],
    ['from the wallet to another', around(paying({ from: wallet, to: other }))],
    ['from a frame without a `to`', around(paying({ to: null }), paying({ to: undefined }))],
  ])('%s', (_name, trace) => {
    expect(transfersFromTrace(trace, wallet)).toEqual([])
  })
})

describe('a trace that no callTracer answers is refused whole', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['nothing', undefined],
    ['a string', '0x'],
    ['a list', [paying()]],
    ['an error in place of a trace', { error: 'execution timeout' }],
    ['a frame without a type', paying({ type: undefined })],
    ['a frame without a `from`', paying({ from: undefined })],
    ['a `from` of 19 bytes', paying({ from: `0x${'bb'.repeat(19)}` })],
    ['a `to` of 32 bytes', paying({ to: `0x${'00'.repeat(12)}${'aa'.repeat(20)}` })],
    ['a decimal value', paying({ value: '7' })],
    ['a value that is a number', paying({ value: 7 })],
    ['a negative value', paying({ value: '-0x7' })],
    ['a value beyond 256 bits', paying({ value: `0x1${'0'.repeat(64)}` })],
    ['an error that is no text', paying({ error: false })],
    ['calls that are no list', paying({ calls: { 0: paying() } })],
    ['a list of frames as an array within calls', paying({ calls: [[paying()]] })],
    ['null among the calls', around(paying(), null)],
    ['one bad frame far from the payment', around(paying(), around(around({ type: 'CALL' })))],
  ])('%s', (_name, trace) => {
    expect(() => transfersFromTrace(trace, wallet)).toThrow(RpcError)
  })

  // What it holds cannot count, so it cannot hurt: one odd frame in there must not hold up a payment beside it.
  it('but nobody looks beneath a frame that failed', () => {
    const failed = { ...around({ type: 'CALL' }), error: 'execution reverted' }
    expect(transfersFromTrace(around(failed, paying()), wallet)).toEqual([paid()])
  })
})

test('100 000 frames side by side are read, each once', () => {
  const trace = around(...Array.from({ length: 100_000 }, () => paying({ value: '0x3' })))
  const read = transfersFromTrace(trace, wallet)
  expect(read).toHaveLength(100_000)
  expect(read.reduce((sum, { amountBaseUnits }) => sum + amountBaseUnits, 0n)).toBe(300_000n)
})

test.each([5_000, 100_000])('a payment %i frames deep is read', (depth) => {
  let trace = paying()
  for (let i = 0; i < depth; i++) trace = around(trace)
  expect(transfersFromTrace(trace, wallet)).toEqual([paid()])
})

test('a payment 5 000 frames deep counts for nothing when the uppermost of them failed', () => {
  let trace = paying()
  for (let i = 0; i < 5_000; i++) trace = around(trace)
  expect(transfersFromTrace(around({ ...trace, error: 'execution reverted' }), wallet)).toEqual([])
})

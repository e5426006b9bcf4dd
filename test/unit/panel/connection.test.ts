import { beforeEach, describe, expect, test, vi } from 'vitest'
import {
  connected,
  connectWallet,
  disconnectWallet,
  reconnectWallet,
  signMessage,
} from '../../../panel/wallet/connection.ts'
import type { FoundWallet } from '../../../panel/wallet/foundWallets.ts'
import { switchChain } from '../../../panel/wallet/switchChain.ts'
import { walletFault } from '../../../panel/wallet/walletFault.ts'

const ADDRESS = `0x${'Ab'.repeat(20)}`
const OTHER = `0x${'cd'.repeat(20)}`

type Answers = Record<string, unknown>

/** A wallet of which every answer is told; an `Error` or an object with a code is thrown. */
function tellingWallet(answers: Answers) {
  const listeners = new Map<string, Set<(value: unknown) => void>>()
  const asked: { method: string; params?: readonly unknown[] }[] = []
  const wallet: FoundWallet = {
    uuid: 'u',
    rdns: 'test.wallet',
    name: 'Test',
    icon: '',
    provider: {
      async request(call) {
        asked.push(call)
        const answer = answers[call.method]
        if (typeof answer === 'object' && answer !== null && 'code' in answer) throw answer
        return typeof answer === 'function' ? answer() : answer
      },
      on(event, listener) {
        listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
      },
      removeListener(event, listener) {
        listeners.get(event)?.delete(listener)
      },
    },
  }
  const emit = (event: string, value: unknown) => {
    for (const listener of [...(listeners.get(event) ?? [])]) listener(value)
  }
  const listening = () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0)
  return { wallet, emit, asked, answers, listening }
}

const willing = () =>
  tellingWallet({ eth_requestAccounts: [ADDRESS], eth_accounts: [ADDRESS], eth_chainId: '0x1' })

beforeEach(() => disconnectWallet())

describe('connecting', () => {
  test('keeps the account in lower case, and the network', async () => {
    const { wallet } = willing()
    expect(await connectWallet(wallet)).toEqual({ kind: 'connected' })
    expect(connected.value).toEqual({ address: ADDRESS.toLowerCase(), chainId: 1, wallet })
  })

  test.each([
    ['refused', { code: 4001, message: 'User rejected the request.' }, { kind: 'rejected' }],
    ['busy', { code: -32002, message: 'Request already pending' }, { kind: 'busy' }],
    ['broken', { code: -32603, message: 'Internal error' }, { kind: 'failed', detail: 'Internal error' }],
  ])('%s', async (_, thrown, outcome) => {
    const { wallet } = tellingWallet({ eth_requestAccounts: thrown })
    expect(await connectWallet(wallet)).toEqual(outcome)
    expect(connected.value).toBeNull()
  })

  test.each([
    ['no accounts', { eth_requestAccounts: [], eth_chainId: '0x1' }],
    ['accounts that are none', { eth_requestAccounts: ['me', 7], eth_chainId: '0x1' }],
    ['no list at all', { eth_requestAccounts: { length: 1 }, eth_chainId: '0x1' }],
    ['a network that is none', { eth_requestAccounts: [ADDRESS], eth_chainId: 'mainnet' }],
  ])('to a wallet that answers %s fails', async (_, answers) => {
    const { wallet } = tellingWallet(answers)
    expect((await connectWallet(wallet)).kind).toBe('failed')
    expect(connected.value).toBeNull()
  })

  test('networks are understood in the ways wallets write them', async () => {
    for (const [answer, chainId] of [
      ['0x2105', 8453],
      ['8453', 8453],
      [8453, 8453],
    ] as const) {
      await connectWallet(tellingWallet({ eth_requestAccounts: [ADDRESS], eth_chainId: answer }).wallet)
      expect(connected.value?.chainId).toBe(chainId)
    }
  })
})

describe('what happens in the wallet is followed', () => {
  test('another account, another network, the permission taken away', async () => {
    const { wallet, emit, listening } = willing()
    await connectWallet(wallet)
    emit('accountsChanged', [OTHER])
    expect(connected.value?.address).toBe(OTHER)
    emit('chainChanged', '0x2105')
    expect(connected.value?.chainId).toBe(8453)
    emit('accountsChanged', [])
    expect(connected.value).toBeNull()
    expect(listening()).toBe(0)
  })

  test('a wallet that lost its node is still connected, one that lost its accounts is not', async () => {
    const { wallet, emit, answers } = willing()
    await connectWallet(wallet)
    emit('disconnect', { code: 1013 })
    await vi.waitFor(() => expect(connected.value).not.toBeNull())
    answers.eth_accounts = []
    emit('disconnect', { code: 4900 })
    await vi.waitFor(() => expect(connected.value).toBeNull())
  })

  test('a wallet that was left says nothing any more', async () => {
    const first = willing()
    const second = willing()
    await connectWallet(first.wallet)
    await connectWallet(second.wallet)
    first.emit('accountsChanged', [])
    first.emit('chainChanged', '0x5')
    expect(connected.value).toMatchObject({ chainId: 1, wallet: second.wallet })
  })

  test('loading the page asks no wallet for anything where none was used before', async () => {
    await reconnectWallet()
    expect(connected.value).toBeNull()
  })
})

describe('signing', () => {
  test('the text goes to the wallet as it is, in UTF-8, with the account', async () => {
    const { wallet, asked, answers } = willing()
    answers.personal_sign = `0x${'11'.repeat(65)}`
    await connectWallet(wallet)
    expect(await signMessage('Grüße\n')).toEqual({ kind: 'signed', signature: answers.personal_sign })
    expect(asked.at(-1)).toEqual({
      method: 'personal_sign',
      params: ['0x4772c3bcc39f650a', ADDRESS.toLowerCase()],
    })
  })

  test('refused, unanswered, answered with nonsense, and without a wallet', async () => {
    expect((await signMessage('x')).kind).toBe('failed')
    const { wallet, answers } = willing()
    await connectWallet(wallet)
    answers.personal_sign = { code: 4001, message: '' }
    expect(await signMessage('x')).toEqual({ kind: 'rejected' })
    for (const nonsense of [null, '', '0x', '0x1', 'yes', 7]) {
      answers.personal_sign = nonsense
      expect((await signMessage('x')).kind).toBe('failed')
    }
  })
})

describe('switching the network', () => {
  test('is believed once the wallet is there', async () => {
    const { wallet, answers } = willing()
    await connectWallet(wallet)
    let asked = 0
    answers.wallet_switchEthereumChain = null
    answers.eth_chainId = () => (++asked < 3 ? '0x1' : '0x2105')
    expect(await switchChain(8453)).toEqual({ kind: 'switched' })
    expect(connected.value?.chainId).toBe(8453)
  })

  test('is not believed where the wallet says yes and stays', async () => {
    const { wallet, answers } = willing()
    await connectWallet(wallet)
    answers.wallet_switchEthereumChain = null
    expect((await switchChain(8453)).kind).toBe('failed')
    expect(connected.value?.chainId).toBe(1)
  })

  test.each([
    [{ code: 4001, message: '' }, 'rejected'],
    [{ code: -32002, message: '' }, 'busy'],
    [{ code: 4902, message: '' }, 'unknown_chain'],
    [{ code: -32603, message: 'x', data: { originalError: { code: 4902, message: '' } } }, 'unknown_chain'],
    [{ code: -32603, message: 'x' }, 'failed'],
  ])('%j is %s', async (thrown, kind) => {
    const { wallet, answers, asked } = willing()
    await connectWallet(wallet)
    answers.wallet_switchEthereumChain = thrown
    expect((await switchChain(8453)).kind).toBe(kind)
    expect(asked.filter(({ method }) => method === 'wallet_addEthereumChain')).toEqual([])
  })
})

test.each([
  [{ code: 4001 }, 'rejected'],
  [{ code: 'ACTION_REJECTED', message: 'x' }, 'rejected'],
  [new Error('MetaMask Tx Signature: User denied transaction signature.'), 'rejected'],
  [{ code: -32603, data: { originalError: { code: 4001 } } }, 'rejected'],
  [{ code: -32000, message: 'insufficient funds for gas * price + value' }, 'insufficient_funds'],
  [{ code: 4100 }, 'unauthorized'],
  [new Error('boom', { cause: { code: -32002 } }), 'busy'],
  ['a string', 'failed'],
  [null, 'failed'],
  [undefined, 'failed'],
])('what wallets throw is understood: %j is %s', (thrown, kind) => {
  expect(walletFault(thrown).kind).toBe(kind)
})

test('an error that wraps itself is read to the end of our patience', () => {
  const ring: { message: string; cause?: unknown } = { message: 'ring' }
  ring.cause = ring
  expect(walletFault(ring)).toEqual({ kind: 'failed', detail: 'ring' })
})

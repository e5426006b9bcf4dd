import { type Address, decodeFunctionData, erc20Abi, type Hash, parseEther } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Eip1193 } from '../../../panel/wallet/eip1193.ts'
import type { PaymentOrder } from '../../../panel/wallet/paymentOrder.ts'
import { type SendOptions, sendPayment } from '../../../panel/wallet/sendPayment.ts'
import { createChain, type TestChain, type TestToken } from '../../support/createChain.ts'
import { TestWallet } from '../../support/testWallet.ts'
import { waitUntil } from '../../support/waitUntil.ts'

const AMOUNT = parseEther('0.0005')

let chain: TestChain
let elsewhere: TestChain
let usdc: TestToken
let wallet: TestWallet
let provider: Eip1193

beforeAll(async () => {
  ;[chain, elsewhere] = await Promise.all([createChain(), createChain({ chainId: 8453 })])
  ;({ usdc } = await chain.deployTokens())
})
afterAll(() => Promise.all([chain.stop(), elsewhere.stop()]))

beforeEach(async () => {
  const account = privateKeyToAccount(generatePrivateKey())
  const chains = { [chain.chainId]: chain.rpcUrl, [elsewhere.chainId]: elsewhere.rpcUrl }
  wallet = new TestWallet({ account, chains, chainId: chain.chainId }, async () => {})
  provider = providerOf(wallet)
  await provider.request({ method: 'eth_requestAccounts' })
  await fund(parseEther('1'))
})

/** What a page would have of a wallet. `before` runs before each request is answered. */
function providerOf(of: TestWallet, before: (method: string) => void | Promise<void> = () => {}): Eip1193 {
  return {
    async request({ method, params = [] }) {
      await before(method)
      const answer = await of.answer({ method, params: [...params] })
      if ('error' in answer) throw answer.error
      return answer.result
    },
  }
}

async function fund(value: bigint) {
  await Promise.all(
    [chain, elsewhere].map(({ client }) => client.setBalance({ address: wallet.address, value })),
  )
}

const ethOrder = (changes: Partial<PaymentOrder> = {}): PaymentOrder => ({
  rail: `eth:${chain.chainId}`,
  chainId: chain.chainId,
  token: null,
  revenueWallet: chain.accounts.revenue,
  payer: wallet.address,
  amountBaseUnits: AMOUNT,
  ...changes,
})
const usdcOrder = (changes: Partial<PaymentOrder> = {}) =>
  ethOrder({ rail: `usdc:${chain.chainId}`, token: usdc.address, amountBaseUnits: 1_000_000n, ...changes })

function pay(order: PaymentOrder, options: Partial<SendOptions> = {}, by = provider) {
  return sendPayment(by, order, { signal: new AbortController().signal, onLateHash: () => {}, ...options })
}

async function sentBy(address: Address): Promise<number> {
  const counts = await Promise.all(
    [chain, elsewhere].map(({ client }) => client.getTransactionCount({ address, blockTag: 'pending' })),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

describe('a payment', () => {
  test('of ETH goes to the revenue wallet, to the wei', async () => {
    const outcome = await pay(ethOrder())
    if (outcome.kind !== 'sent') throw new Error(outcome.kind)
    await chain.mine()
    const { to, value, input } = await chain.client.getTransaction({ hash: outcome.txHash })
    expect({ to, value, input }).toEqual({ to: chain.accounts.revenue, value: AMOUNT, input: '0x' })
    expect((await chain.receipt(outcome.txHash)).status).toBe('success')
  })

  test('of a token is one transfer of its contract to the revenue wallet', async () => {
    await chain.mineWith(chain.mintToken(usdc, wallet.address, 1_000_000n))
    const outcome = await pay(usdcOrder())
    if (outcome.kind !== 'sent') throw new Error(outcome.kind)
    await chain.mine()
    const { to, value, input } = await chain.client.getTransaction({ hash: outcome.txHash })
    expect({ to, value }).toEqual({ to: usdc.address, value: 0n })
    const { functionName, args } = decodeFunctionData({ abi: erc20Abi, data: input })
    expect(functionName).toBe('transfer')
    expect(args.map((arg) => String(arg).toLowerCase())).toEqual([chain.accounts.revenue, '1000000'])
    expect((await chain.receipt(outcome.txHash)).status).toBe('success')
  })

  test('names its chain, so that a wallet which switches at the last moment refuses it', async () => {
    // The person switches after the page looked, while the wallet is being asked.
    const switching = providerOf(wallet, async (method) => {
      if (method === 'eth_sendTransaction') await wallet.setChain(elsewhere.chainId)
    })
    expect(await pay(ethOrder(), {}, switching)).toEqual({ kind: 'wrong_chain', chainId: elsewhere.chainId })
    expect(await sentBy(wallet.address)).toBe(0)
  })

  test.each(['eth', 'usdc'])('of %s is not even asked for on another chain', async (asset) => {
    await wallet.setChain(elsewhere.chainId)
    const order = asset === 'eth' ? ethOrder() : usdcOrder()
    expect(await pay(order)).toEqual({ kind: 'wrong_chain', chainId: elsewhere.chainId })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('is not asked for where the wallet switched while the funds were looked at', async () => {
    const switching = providerOf(wallet, async (method) => {
      if (method === 'eth_gasPrice') await wallet.setChain(elsewhere.chainId)
    })
    expect(await pay(ethOrder(), {}, switching)).toEqual({ kind: 'wrong_chain', chainId: elsewhere.chainId })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('is not asked of another account than the one that is credited', async () => {
    await wallet.setAccount(privateKeyToAccount(generatePrivateKey()))
    expect(await pay(ethOrder({ payer: `0x${'ab'.repeat(20)}` }))).toEqual({ kind: 'wrong_account' })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('that the person refuses is refused, and can be made again', async () => {
    wallet.rejectNext()
    expect(await pay(ethOrder())).toEqual({ kind: 'rejected' })
    expect(await sentBy(wallet.address)).toBe(0)
    expect((await pay(ethOrder())).kind).toBe('sent')
  })

  test('that the wallet has a request open for is not asked for again', async () => {
    wallet.rejectNext({ code: -32002, message: 'Request already pending' })
    expect(await pay(ethOrder())).toEqual({ kind: 'busy' })
  })

  test('that the wallet fails at is asked for once: by nobody a second time', async () => {
    wallet.rejectNext({ code: -32000, message: 'already known' })
    expect(await pay(ethOrder())).toEqual({ kind: 'failed', detail: 'already known' })
    expect(wallet.log.filter(({ method }) => /send/i.test(method))).toHaveLength(1)
  })

  test('by a double click is sent once', async () => {
    const outcomes = await Promise.all([pay(ethOrder()), pay(ethOrder()), pay(ethOrder())])
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['busy', 'busy', 'sent'])
    expect(await sentBy(wallet.address)).toBe(1)
  })

  test('that nobody answers in the wallet can be given up, and is followed if it is confirmed later', async () => {
    const confirm = wallet.leaveNextOpen()
    const patience = new AbortController()
    const late: Hash[] = []
    let isAsked = false
    const outcome = pay(ethOrder(), {
      signal: patience.signal,
      onAsked: () => {
        isAsked = true
      },
      onLateHash: (txHash) => late.push(txHash),
    })
    await waitUntil(() => isAsked && wallet.asked('eth_sendTransaction') === 1, {
      withinMs: 5_000,
      what: 'the wallet being asked',
    })
    patience.abort()
    expect(await outcome).toEqual({ kind: 'abandoned' })
    confirm()
    await waitUntil(() => late.length === 1, { withinMs: 5_000, what: 'the hash' })
    expect(late).toEqual(wallet.sent)
  })

  test('given up before the wallet was asked is not asked for', async () => {
    expect(await pay(ethOrder(), { signal: AbortSignal.abort() })).toEqual({ kind: 'abandoned' })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test.each([
    ['nothing', { amountBaseUnits: 0n }],
    ['less than nothing', { amountBaseUnits: -1n }],
    ['something to nowhere', { revenueWallet: '0x' as Address }],
    ['a token that is no address', { token: 'USDC' as Address }],
  ])('of %s is a broken assumption', async (_, changes) => {
    await expect(pay(ethOrder(changes))).rejects.toThrow()
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })
})

describe('what is missing is said before the wallet opens', () => {
  test('the amount, in ETH', async () => {
    await fund(AMOUNT - 1n)
    expect(await pay(ethOrder())).toEqual({
      kind: 'insufficient_funds',
      haveBaseUnits: AMOUNT - 1n,
      needBaseUnits: AMOUNT,
    })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('the amount, in a token', async () => {
    await chain.mineWith(chain.mintToken(usdc, wallet.address, 999_999n))
    expect(await pay(usdcOrder())).toEqual({
      kind: 'insufficient_funds',
      haveBaseUnits: 999_999n,
      needBaseUnits: 1_000_000n,
    })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('the network fee, beside just the amount in ETH', async () => {
    await fund(AMOUNT)
    const outcome = await pay(ethOrder())
    if (outcome.kind !== 'insufficient_gas') throw new Error(outcome.kind)
    expect(outcome.haveWei).toBe(AMOUNT)
    expect(outcome.needWei).toBeGreaterThanOrEqual(AMOUNT + 21_000n)
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('the network fee, where there are tokens and no ETH at all', async () => {
    await chain.mineWith(chain.mintToken(usdc, wallet.address, 1_000_000n))
    await fund(0n)
    expect(await pay(usdcOrder())).toMatchObject({ kind: 'insufficient_gas', haveWei: 0n })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('a token that does not exist on the network the wallet is on', async () => {
    expect(await pay(usdcOrder({ token: `0x${'ef'.repeat(20)}` }))).toMatchObject({ kind: 'failed' })
    expect(wallet.asked('eth_sendTransaction')).toBe(0)
  })

  test('nothing, where the wallet does not tell: it says so itself', async () => {
    const silent = providerOf(wallet, (method) => {
      if (/^eth_(getBalance|call|estimateGas|gasPrice)$/.test(method)) throw { code: 4200, message: 'no' }
    })
    expect((await pay(ethOrder(), {}, silent)).kind).toBe('sent')
  })
})

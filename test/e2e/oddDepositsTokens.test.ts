import { type Address, type Hash, type Hex, numberToHex, pad, parseUnits } from 'viem'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { TRANSFER_TOPIC } from '../../billing/chain/proof/transfers.ts'
import { expectBooksInOrder } from '../support/expectBooksInOrder.ts'
import { mineBesideControl } from '../support/mineBesideControl.ts'
import { type Scene, startScene } from '../support/startScene.ts'

// Case 13 and its relatives: the service is configured with tokens whose logs are not the truth. "USDC" burns 2 % of every
// transfer, "AXGT" writes any log it is told to while nothing moves.

let scene: Scene
let wallet: Address

beforeAll(async () => {
  scene = await startScene({
    proxies: 1,
    deployTokens: async (chain) => ({
      usdc: { ...(await chain.deploy('FeeToken', ['Fee', 'USDC', 6, 2n])), symbol: 'USDC', decimals: 6 },
      axgt: { ...(await chain.deploy('LyingToken', ['Lie', 'AXGT', 18])), symbol: 'AXGT', decimals: 18 },
    }),
  })
  wallet = scene.chain.accounts.revenue
})
afterAll(async () => {
  await scene?.stop()
})

const pay = (from: Address, dollars: string, to?: Address) =>
  scene.chain.transferToken({
    token: scene.usdc,
    from,
    amount: parseUnits(dollars, 6),
    ...(to ? { to } : {}),
  })

async function mineOne(send: Promise<Hash>): Promise<Hash> {
  const { hashes } = await mineBesideControl(scene, send)
  return hashes[0] as Hash
}

describe('a token that burns 2 % of every transfer', () => {
  it('logs 100, delivers 98, and 98 are credited', async () => {
    const payer = await scene.newPayer()
    const { id } = await scene.deposit(await mineOne(pay(payer, '100')), 'credited')
    const micros = (98_000_000n * 3600n).toString()
    expect(await scene.booksOf(payer)).toEqual({
      deposits: [{ rail: 'usdc:31337', state: 'credited', reason: null, amount: '98000000', micros }],
      entries: [{ kind: 'deposit', micros, reference: `deposit:${id}:1` }],
      events: ['deposit.pending', 'deposit.credited'],
      balanceMicros: micros,
    })
  })

  it('and is paid many times in one transaction: the sum of what arrived is credited', async () => {
    const contract = await scene.chain.deploy('HundredPayer')
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, contract.address, parseUnits('100', 6)))
    const args = [scene.usdc.address, wallet, 50n, parseUnits('2', 6)]
    const hash = await mineOne(scene.chain.call({ contract, functionName: 'payToken', args }))
    expect(await scene.deposit(hash, 'credited')).toMatchObject({ amount: '98000000' })
  })

  it('and is spent by the wallet in the same block: still what arrived is credited', async () => {
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, wallet, parseUnits('60', 6)))
    const payer = await scene.newPayer()
    const { hashes } = await mineBesideControl(
      scene,
      pay(payer, '100'),
      pay(wallet, '50', scene.chain.accounts.holder),
    )
    expect(await scene.deposit(hashes[0] as Hash, 'credited')).toMatchObject({ amount: '98000000' })
  })

  it('and leaves less than the minimum: held, not credited', async () => {
    const payer = await scene.newPayer()
    await scene.deposit(await mineOne(pay(payer, '1.02')), 'held', 'below_minimum')
    expect((await scene.booksOf(payer)).entries).toEqual([])
  })

  it('and is paid by two in one block: nobody can tell whose is missing, both are held', async () => {
    const [alice, bob] = [await scene.newPayer(), await scene.newPayer()]
    const { hashes } = await mineBesideControl(scene, pay(alice, '100'), pay(bob, '10'))
    await scene.deposit(hashes[0] as Hash, 'held', 'amount_unclear')
    await scene.deposit(hashes[1] as Hash, 'held', 'amount_unclear')
    for (const hash of hashes) {
      const submitted = await scene.service.request('/v1/deposits', { json: { txHash: hash } })
      expect(submitted).toMatchObject({ status: 202, body: { outcome: 'pending' } })
    }
    for (const payer of [alice, bob]) expect((await scene.booksOf(payer)).balanceMicros).toBe('0')
  })
})

describe('a token whose logs tell of what did not happen', () => {
  const word = (value: bigint): Hex => numberToHex(value, { size: 32 })
  const tell = (topics: Hex[], data: Hex, times = 1n) =>
    scene.chain.call({ contract: scene.axgt, functionName: 'write', args: [topics, data, times] })
  const standard = (payer: Address): Hex[] => [TRANSFER_TOPIC, pad(payer), pad(wallet)]

  it('a Transfer of which nothing arrived is held, whatever it says', async () => {
    const payer = await scene.newPayer()
    for (const value of [parseUnits('100', 18), 2n ** 256n - 1n]) {
      const hash = await mineOne(tell(standard(payer), word(value)))
      const { amount } = await scene.deposit(hash, 'held', 'amount_unclear')
      expect(amount).toBe(value.toString())
    }
    expect((await scene.booksOf(payer)).entries).toEqual([])
  })

  // Ten times 2^256 − 1 has more digits than any column for amounts.
  it('Transfers that sum to more than a token can hold stop nobody else’s payment', async () => {
    const payer = await scene.newPayer()
    await mineOne(tell(standard(payer), word(2n ** 256n - 1n), 10n))
    const honest = await scene.newPayer()
    await scene.deposit(await mineOne(pay(honest, '10')), 'credited')
    expect((await scene.booksOf(payer)).entries).toEqual([])
  })

  const shapes: [string, (payer: Address) => [Hex[], Hex]][] = [
    ['the amount as a fourth topic', (payer) => [[...standard(payer), word(9n)], '0x']],
    ['a fourth topic beside 32 bytes of data', (payer) => [[...standard(payer), word(9n)], word(10n ** 20n)]],
    [
      '64 bytes of data',
      (payer) => [
        standard(payer),
        `0x${word(10n ** 20n)
          .slice(2)
          .repeat(2)}`,
      ],
    ],
    ['31 bytes of data', (payer) => [standard(payer), `0x${'11'.repeat(31)}`]],
    ['33 bytes of data', (payer) => [standard(payer), `0x${'11'.repeat(33)}`]],
    ['no data', (payer) => [standard(payer), '0x']],
    ['only two topics', (payer) => [standard(payer).slice(0, 2), word(10n ** 20n)]],
    [
      'everything in the data',
      (payer) => [
        [TRANSFER_TOPIC],
        `0x${[pad(payer), pad(wallet), word(9n)].map((it) => it.slice(2)).join('')}`,
      ],
    ],
    [
      'dirty upper bytes in the payer',
      (payer) => [[TRANSFER_TOPIC, `0x${'00'.repeat(11)}01${payer.slice(2)}`, pad(wallet)], word(10n ** 20n)],
    ],
    [
      'dirty upper bytes in the wallet',
      (payer) => [[TRANSFER_TOPIC, pad(payer), `0x${'00'.repeat(11)}01${wallet.slice(2)}`], word(10n ** 20n)],
    ],
  ]

  it.each(shapes)('a Transfer with %s is no deposit', async (_name, shape) => {
    const payer = await scene.newPayer()
    const hash = await mineOne(tell(...shape(payer)))
    const none = { outcome: 'no_qualifying_transfer', deposits: [] }
    const looked = await scene.service.request(`/v1/transactions/${hash}`)
    expect(looked).toMatchObject({ status: 200, body: none })
    const submitted = await scene.service.request('/v1/deposits', { json: { txHash: hash } })
    expect(submitted).toMatchObject({ status: 422, body: { code: 'no_qualifying_transfer' } })
    const { deposits, entries, balanceMicros } = await scene.booksOf(payer)
    expect({ deposits, entries, balanceMicros }).toEqual({ deposits: [], entries: [], balanceMicros: '0' })
  })
})

test('the books of all this are in order', async () => {
  await expectBooksInOrder(scene)
})

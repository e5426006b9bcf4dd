import { type Address, encodeFunctionData, type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import type { TestContract } from '../support/createChain.ts'
import { expectBooksInOrder } from '../support/expectBooksInOrder.ts'
import { expectNoDeposit } from '../support/expectNoDeposit.ts'
import { mineBesideControl } from '../support/mineBesideControl.ts'
import { type Scene, startScene } from '../support/startScene.ts'

// Cases 1 to 3, 7, 8 and 10: what looks like a payment and moves nothing to the wallet. Each is mined beside an ordinary
// payment; when that one is credited, the fake must have left nothing, and handing it in must not help it.

let scene: Scene
let wallet: Address
let attacker: Address
/** Every fake of this file, mined in one block at the end as well. */
const again: (() => Promise<Hash>)[] = []

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
  wallet = scene.chain.accounts.revenue
  attacker = scene.chain.accounts.attacker
})
afterAll(async () => {
  await scene?.stop()
})

async function expectFake(send: () => Promise<Hash>, why: Parameters<typeof expectNoDeposit>[2]) {
  again.push(send)
  const { hashes } = await mineBesideControl(scene, send())
  await expectNoDeposit(scene, hashes[0] as Hash, why)
}

const walletEther = () => scene.chain.client.getBalance({ address: wallet })

describe('ETH that is shown to the wallet and does not move there', () => {
  it.each(['delegateCall', 'callCode', 'staticCall'])(
    '%s of 5 ETH to the wallet is no deposit',
    async (name) => {
      const contract = await scene.chain.deploy('DelegateCaller')
      const value = parseEther('5')
      await expectFake(
        () => scene.chain.call({ contract, functionName: name, args: [wallet], value }),
        'no_qualifying_transfer',
      )
    },
  )

  it.each(['pay', 'payDeep'])(
    '%s: a frame pays and an enclosing one reverts while the transaction succeeds: no deposit',
    async (functionName) => {
      const contract = await scene.chain.deploy('RevertingPayer')
      const value = parseEther('5')
      const send = () => scene.chain.call({ contract, functionName, args: [wallet], value })
      await expectFake(send, 'no_qualifying_transfer')
    },
  )

  it('a payment 300 frames deep that the uppermost of them undoes is no deposit', async () => {
    const contract = await scene.chain.deploy('DeepPayer')
    const call = { contract, functionName: 'payInVain', args: [wallet, 300n], value: parseEther('5') }
    await expectFake(() => scene.chain.call({ ...call, gas: 600_000_000n }), 'no_qualifying_transfer')
  })

  it('of a payment undone and one that stands, in one transaction, only the second is credited', async () => {
    const contract = await scene.chain.deploy('RevertingPayer')
    const [undone, value] = [parseEther('4.9995'), parseEther('5')]
    const args = [wallet, undone]
    await mineBesideControl(scene, scene.chain.call({ contract, functionName: 'payBoth', args, value }))
    expect(await scene.booksOf(contract.address)).toMatchObject({
      deposits: [{ rail: 'eth:31337', state: 'credited', amount: '500000000000000', micros: '3600000000' }],
      entries: [{ micros: '3600000000' }],
      events: ['deposit.pending', 'deposit.credited'],
      balanceMicros: '3600000000',
    })
    expect((await scene.booksOf(attacker)).deposits).toEqual([])
  })

  it('a call with more ETH than the contract has fails alone and is no deposit', async () => {
    const contract = await scene.chain.deploy('Bundler')
    const args = [[{ to: wallet, value: parseEther('5'), data: '0x' }]]
    await expectFake(
      () => scene.chain.call({ contract, functionName: 'run', args, value: 1n }),
      'no_qualifying_transfer',
    )
  })

  it('a call of the wallet without value is no deposit', async () => {
    const contract = await scene.chain.deploy('Bundler')
    const args = [[{ to: wallet, value: 0n, data: '0x1234' }]]
    await expectFake(
      () => scene.chain.call({ contract, functionName: 'run', args }),
      'no_qualifying_transfer',
    )
  })

  it('fees to a wallet that happens to be the block’s beneficiary are no deposit', async () => {
    const before = await walletEther()
    await scene.chain.client.setCoinbase({ address: wallet })
    const { hashes } = await mineBesideControl(
      scene,
      scene.chain.transferEth({ from: attacker, to: scene.chain.accounts.buyer, value: 1n }),
    )
    await scene.chain.client.setCoinbase({ address: `0x${'c0'.repeat(20)}` })
    expect((await walletEther()) - before).toBeGreaterThan(parseEther('0.0005'))
    await expectNoDeposit(scene, hashes[0] as Hash, 'no_qualifying_transfer')
  })
})

describe('a transaction that failed', () => {
  it('after an internal payment of ETH is no deposit', async () => {
    const contract = await scene.chain.deploy('RevertingPayer')
    const call = { contract, functionName: 'payAndFail', args: [wallet], value: parseEther('5') }
    await expectFake(() => scene.chain.call(call), 'transaction_failed')
  })

  it('for want of tokens is no deposit', async () => {
    const send = () => scene.chain.transferToken({ token: scene.axgt, from: attacker, amount: 10n ** 30n })
    await expectFake(send, 'transaction_failed')
  })

  it('for want of gas is no deposit', async () => {
    const payer = await scene.newPayer()
    const args = [wallet, parseUnits('5', 6)]
    const call = { from: payer, contract: scene.usdc, functionName: 'transfer', args, gas: 24_000n }
    await expectFake(() => scene.chain.call(call), 'transaction_failed')
  })
})

describe('tokens that are none', () => {
  it('a token with the same name, symbol and decimals at another address pays nothing', async () => {
    const twin = await scene.chain.deployToken('USDC', 6)
    await scene.chain.mineWith(scene.chain.mintToken(twin, attacker, parseUnits('1000000', 6)))
    const send = () =>
      scene.chain.transferToken({ token: twin, from: attacker, amount: parseUnits('1000', 6) })
    await expectFake(send, 'no_qualifying_transfer')
  })

  it('a contract that emits a byte-identical Transfer log pays nothing, for itself or in another’s name', async () => {
    const victim = await scene.newPayer()
    const contract = await scene.chain.deploy('LogForger')
    for (const from of [attacker, victim, contract.address]) {
      const args = [from, wallet, parseUnits('1000', 6)]
      await expectFake(
        () => scene.chain.call({ contract, functionName: 'forge', args }),
        'no_qualifying_transfer',
      )
    }
    expect((await scene.booksOf(victim)).deposits).toEqual([])
  })

  it('a forged log beside a real transfer of 1 USDC adds nothing to it', async () => {
    const [bundler, forger] = [await scene.chain.deploy('Bundler'), await scene.chain.deploy('LogForger')]
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, bundler.address, parseUnits('1', 6)))
    const step = (contract: TestContract, functionName: string, args: unknown[]) => ({
      to: contract.address,
      value: 0n,
      data: encodeFunctionData({ abi: contract.abi, functionName, args }),
    })
    const forged = step(forger, 'forge', [bundler.address, wallet, parseUnits('1000', 6)])
    const real = step(scene.usdc, 'transfer', [wallet, parseUnits('1', 6)])
    await mineBesideControl(
      scene,
      scene.chain.call({ contract: bundler, functionName: 'run', args: [[forged, real, forged]] }),
    )
    expect((await scene.booksOf(bundler.address)).deposits).toEqual([
      { rail: 'usdc:31337', state: 'credited', reason: null, amount: '1000000', micros: '3600000000' },
    ])
  })

  it('a transfer that moves and moves back inside a reverted frame pays nothing', async () => {
    const contract = await scene.chain.deploy('RevertingPayer')
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, contract.address, parseUnits('9', 6)))
    const args = [scene.usdc.address, wallet, parseUnits('9', 6)]
    await expectFake(
      () => scene.chain.call({ contract, functionName: 'payToken', args }),
      'no_qualifying_transfer',
    )
  })

  it('a transfer to somebody else pays nothing', async () => {
    const payer = await scene.newPayer()
    const payment = { token: scene.usdc, from: payer, to: scene.chain.accounts.holder, amount: 1_000_000n }
    await expectFake(() => scene.chain.transferToken(payment), 'no_qualifying_transfer')
  })
})

describe('payments of nothing', () => {
  it('a transfer of value 0 leaves not even a pending row', async () => {
    const send = () => scene.chain.transferToken({ token: scene.usdc, from: attacker, amount: 0n })
    await expectFake(send, 'no_qualifying_transfer')
  })

  it('a transferFrom of value 0 in a victim’s name (address poisoning) leaves not even a pending row', async () => {
    const victim = await scene.newPayer()
    const call = { contract: scene.usdc, functionName: 'transferFrom', args: [victim, wallet, 0n] }
    await expectFake(() => scene.chain.call(call), 'no_qualifying_transfer')
    expect(await scene.booksOf(victim)).toEqual({ deposits: [], entries: [], events: [], balanceMicros: '0' })
  })

  it('a transaction of 0 ETH leaves not even a pending row', async () => {
    await expectFake(() => scene.chain.transferEth({ from: attacker, value: 0n }), 'no_qualifying_transfer')
  })
})

describe('payments by nobody', () => {
  it('a mint from the zero address to the wallet is no deposit', async () => {
    const send = () => scene.chain.mintToken(scene.usdc, wallet, parseUnits('50', 6))
    await expectFake(send, 'no_qualifying_transfer')
  })

  it('the wallet’s payments to itself are no deposits', async () => {
    await expectFake(
      () => scene.chain.transferEth({ from: wallet, value: parseEther('1') }),
      'no_qualifying_transfer',
    )
    const payment = { token: scene.usdc, from: wallet, amount: parseUnits('5', 6) }
    await expectFake(() => scene.chain.transferToken(payment), 'no_qualifying_transfer')
  })

  it('a mint and a self-transfer in its block take nothing from a payment and add nothing to it', async () => {
    const payer = await scene.newPayer()
    await mineBesideControl(
      scene,
      scene.chain.mintToken(scene.usdc, wallet, parseUnits('70', 6)),
      scene.chain.transferToken({ token: scene.usdc, from: payer, amount: parseUnits('1', 6) }),
      scene.chain.transferToken({ token: scene.usdc, from: wallet, amount: parseUnits('3', 6) }),
      scene.chain.transferToken({
        token: scene.usdc,
        from: wallet,
        to: attacker,
        amount: parseUnits('20', 6),
      }),
    )
    expect((await scene.booksOf(payer)).deposits).toEqual([
      { rail: 'usdc:31337', state: 'credited', reason: null, amount: '1000000', micros: '3600000000' },
    ])
  })
})

test('all fakes of this file in one block with eight payments: only the payments are credited', async () => {
  const payers: Address[] = []
  for (let i = 0; i < 8; i++) payers.push(await scene.newPayer())
  const sends: Promise<Hash>[] = []
  for (const [index, payer] of payers.entries()) {
    sends.push(scene.chain.transferEth({ from: payer, value: parseEther('0.0005') * BigInt(index + 1) }))
    sends.push(...again.splice(0, 4).map((send) => send()))
  }
  const { hashes } = await mineBesideControl(scene, ...sends)
  for (const [index, payer] of payers.entries()) {
    const { entries } = await scene.booksOf(payer)
    expect(entries).toMatchObject([{ kind: 'deposit', micros: String(3_600_000_000n * BigInt(index + 1)) }])
  }
  const recorded = await scene.database.sql`
    select payer from credits.deposit where tx_hash = any(${hashes}) and not payer = any(${payers})`
  expect([...recorded]).toEqual([])
  expect(again).toEqual([])
})

test('the books of all this are in order, and the attacker has nothing', async () => {
  await expectBooksInOrder(scene)
  const empty = { deposits: [], entries: [], events: [], balanceMicros: '0' }
  expect(await scene.booksOf(attacker)).toEqual(empty)
  expect(await scene.booksOf(wallet)).toEqual(empty)
  const zero = await scene.database.sql`
    select address from credits.account where address = '0x0000000000000000000000000000000000000000'`
  expect([...zero]).toEqual([])
})

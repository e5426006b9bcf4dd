import { type Address, encodeFunctionData, type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import type { TestContract } from '../support/createChain.ts'
import { expectBooksInOrder } from '../support/expectBooksInOrder.ts'
import { mineBesideControl } from '../support/mineBesideControl.ts'
import { type Scene, startScene } from '../support/startScene.ts'

// Cases 4, 5, 9, 12 and 14: payments that are real and come in an unusual way. Each is credited once, exactly, to its payer.

let scene: Scene
let wallet: Address

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
  wallet = scene.chain.accounts.revenue
})
afterAll(async () => {
  await scene?.stop()
})

const ETH_RAIL = 'eth:31337'
const USDC_RAIL = 'usdc:31337'
/** 120 000 minutes per ETH; 60 per USDC. */
const ethMicros = (wei: bigint) => ((wei * 120_000n * 60_000_000n) / 10n ** 18n).toString()
const usdcMicros = (units: bigint) => (units * 3600n).toString()
const PENDING_CREDITED = ['deposit.pending', 'deposit.credited']

interface Paid {
  asset: 'eth' | 'usdc'
  hash: Hash
  amount: bigint
}

/** Everything an account must have, and nothing else: one deposit, one entry and two events for each payment. */
async function expectCredited(payer: Address, paid: Paid[]): Promise<void> {
  const sorted = [...paid].sort((a, b) => (a.asset < b.asset ? -1 : 1))
  const micros = ({ asset, amount }: Paid) => (asset === 'eth' ? ethMicros(amount) : usdcMicros(amount))
  const books = await scene.booksOf(payer)
  expect(books.deposits).toEqual(
    sorted.map((it) => ({
      rail: it.asset === 'eth' ? ETH_RAIL : USDC_RAIL,
      state: 'credited',
      reason: null,
      amount: it.amount.toString(),
      micros: micros(it),
    })),
  )
  const entries = [...books.entries].sort((a, b) => (a.reference < b.reference ? -1 : 1))
  const expected = paid.map((it) => ({
    kind: 'deposit',
    micros: micros(it),
    reference: `deposit:31337-${it.hash}-${it.asset}-${payer}:1`,
  }))
  expect(entries).toEqual(expected.sort((a, b) => (a.reference < b.reference ? -1 : 1)))
  expect([...books.events].sort()).toEqual(paid.flatMap(() => PENDING_CREDITED).sort())
  expect(books.balanceMicros).toBe(paid.reduce((sum, it) => sum + BigInt(micros(it)), 0n).toString())
  for (const { hash } of paid) {
    const { status, body } = await scene.service.request(`/v1/transactions/${hash}`)
    expect({ status, body }).toMatchObject({ status: 200, body: { outcome: 'settled' } })
  }
}

async function mineOne(send: Promise<Hash>): Promise<Hash> {
  const { hashes } = await mineBesideControl(scene, send)
  return hashes[0] as Hash
}

const step = (contract: TestContract, functionName: string, args: unknown[], value = 0n) => ({
  to: contract.address,
  value,
  data: encodeFunctionData({ abi: contract.abi, functionName, args }),
})

describe('several payments in one transaction', () => {
  it('three internal payments of 1, 2 and 3 ETH by one contract are one deposit of 6 ETH', async () => {
    const contract = await scene.chain.deploy('MultiPayer')
    const values = [parseEther('1'), parseEther('2'), parseEther('3')]
    const args = [wallet, values]
    const hash = await mineOne(
      scene.chain.call({ contract, functionName: 'payEth', args, value: parseEther('6') }),
    )
    await expectCredited(contract.address, [{ asset: 'eth', hash, amount: parseEther('6') }])
  })

  it('payments by two contracts are two deposits, and the one that handed them the ETH has none', async () => {
    const router = await scene.chain.deploy('MultiPayer')
    const [first, second] = [await scene.chain.deploy('MultiPayer'), await scene.chain.deploy('MultiPayer')]
    const [one, two] = [parseEther('1'), parseEther('2')]
    const args = [wallet, [first.address, second.address], [one, two]]
    const hash = await mineOne(
      scene.chain.call({ contract: router, functionName: 'payThrough', args, value: one + two }),
    )
    await expectCredited(first.address, [{ asset: 'eth', hash, amount: one }])
    await expectCredited(second.address, [{ asset: 'eth', hash, amount: two }])
    await expectCredited(router.address, [])
    const { body } = await scene.service.request(`/v1/transactions/${hash}`)
    expect((body as { deposits: unknown[] }).deposits).toHaveLength(2)
  })

  it('ETH and USDC are two deposits, both credited', async () => {
    const contract = await scene.chain.deploy('MultiPayer')
    const [ether, usdc] = [parseEther('0.001'), parseUnits('2.5', 6)]
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, contract.address, usdc))
    const args = [wallet, scene.usdc.address, usdc]
    const hash = await mineOne(
      scene.chain.call({ contract, functionName: 'payEthAndToken', args, value: ether }),
    )
    await expectCredited(contract.address, [
      { asset: 'eth', hash, amount: ether },
      { asset: 'usdc', hash, amount: usdc },
    ])
  })

  it('two owners’ tokens spent by a third in one transaction: each owner gets theirs', async () => {
    const [alice, bob] = [await scene.newPayer(), await scene.newPayer()]
    const bundler = await scene.chain.deploy('Bundler')
    const approve = (from: Address) =>
      scene.chain.call({
        from,
        contract: scene.usdc,
        functionName: 'approve',
        args: [bundler.address, parseUnits('9', 6)],
      })
    await scene.chain.mineWith(approve(alice), approve(bob))
    const take = (owner: Address, units: bigint) => step(scene.usdc, 'transferFrom', [owner, wallet, units])
    const steps = [take(alice, 1_000_000n), take(bob, 2_000_000n), take(alice, 3_000_000n)]
    const hash = await mineOne(scene.chain.call({ contract: bundler, functionName: 'run', args: [steps] }))
    await expectCredited(alice, [{ asset: 'usdc', hash, amount: 4_000_000n }])
    await expectCredited(bob, [{ asset: 'usdc', hash, amount: 2_000_000n }])
    await expectCredited(bundler.address, [])
  })

  it('parts that are each too small and reach the minimum within the transaction are credited', async () => {
    const contract = await scene.chain.deploy('HundredPayer')
    const part = parseEther('0.00005')
    const args = [wallet, 10n, part]
    const hash = await mineOne(
      scene.chain.call({ contract, functionName: 'payEth', args, value: part * 10n }),
    )
    await expectCredited(contract.address, [{ asset: 'eth', hash, amount: part * 10n }])
  })

  it('a transfer of nothing beside a real one changes nothing', async () => {
    const bundler = await scene.chain.deploy('Bundler')
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, bundler.address, 1_000_000n))
    const pay = (units: bigint) => step(scene.usdc, 'transfer', [wallet, units])
    const args = [[pay(0n), pay(1_000_000n), pay(0n)]]
    const hash = await mineOne(scene.chain.call({ contract: bundler, functionName: 'run', args }))
    await expectCredited(bundler.address, [{ asset: 'usdc', hash, amount: 1_000_000n }])
  })

  it('a step that pays and one that fails for want of ETH: only what moved is credited', async () => {
    const bundler = await scene.chain.deploy('Bundler')
    const pay = (value: bigint) => ({ to: wallet, value, data: '0x' })
    const args = [[pay(parseEther('0.001')), pay(parseEther('500000')), pay(parseEther('0.002'))]]
    const value = parseEther('0.003')
    const hash = await mineOne(scene.chain.call({ contract: bundler, functionName: 'run', args, value }))
    await expectCredited(bundler.address, [{ asset: 'eth', hash, amount: value }])
  })
})

describe('a payer that is not the sender', () => {
  it('transferFrom by a spender credits the owner of the tokens, not the spender and not the caller', async () => {
    const owner = await scene.newPayer()
    const spender = await scene.chain.deploy('TokenSpender')
    const amount = parseUnits('7', 6)
    const allowance = { contract: scene.usdc, functionName: 'approve', args: [spender.address, amount] }
    await scene.chain.mineWith(scene.chain.call({ from: owner, ...allowance }))
    const args = [scene.usdc.address, owner, wallet, amount]
    const from = scene.chain.accounts.relayer
    const hash = await mineOne(scene.chain.call({ from, contract: spender, functionName: 'spend', args }))
    await expectCredited(owner, [{ asset: 'usdc', hash, amount }])
    await expectCredited(spender.address, [])
    await expectCredited(from, [])
  })

  it.each(['SelfDestructPayer', 'SelfDestructFactory'])(
    '%s pays by ending itself and is credited',
    async (name) => {
      const contract = await scene.chain.deploy(name)
      const amount = parseEther('0.002')
      const hash = await mineOne(
        scene.chain.call({ contract, functionName: 'pay', args: [wallet], value: amount }),
      )
      const [deposit] = await scene.database.sql<{ payer: Address }[]>`
      select payer from credits.deposit where tx_hash = ${hash}`
      // The factory's child pays, under an address of its own.
      if (name === 'SelfDestructPayer') expect(deposit?.payer).toBe(contract.address)
      else expect(deposit?.payer).not.toBe(contract.address)
      await expectCredited(deposit?.payer ?? '0x', [{ asset: 'eth', hash, amount }])
    },
  )
})

describe('a transaction with very many transfers', () => {
  it.each([100n, 1000n])('%i transfers of ETH are one deposit with the exact sum', async (times) => {
    const contract = await scene.chain.deploy('HundredPayer')
    const part = parseEther('0.00001') + 1n
    const args = [wallet, times, part]
    const value = part * times
    const hash = await mineOne(
      scene.chain.call({ contract, functionName: 'payEth', args, value, gas: 100_000_000n }),
    )
    await expectCredited(contract.address, [{ asset: 'eth', hash, amount: value }])
  })

  it('100 transfers of USDC are one deposit with the exact sum', async () => {
    const contract = await scene.chain.deploy('HundredPayer')
    const part = 10_001n
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, contract.address, part * 100n))
    const args = [scene.usdc.address, wallet, 100n, part]
    const hash = await mineOne(scene.chain.call({ contract, functionName: 'payToken', args }))
    await expectCredited(contract.address, [{ asset: 'usdc', hash, amount: part * 100n }])
  })
})

describe('a payment at the bottom of a very deep call trace', () => {
  it.each([300n, 450n])('%i frames deep is credited', async (depth) => {
    const contract = await scene.chain.deploy('DeepPayer')
    const amount = parseEther('0.004')
    const call = { contract, functionName: 'pay', args: [wallet, depth], value: amount }
    const hash = await mineOne(scene.chain.call({ ...call, gas: 900_000_000n }))
    expect((await scene.chain.receipt(hash)).status).toBe('success')
    await expectCredited(contract.address, [{ asset: 'eth', hash, amount }])
  })

  it('of many in one block, each is credited', async () => {
    const contracts: TestContract[] = []
    for (let i = 0; i < 9; i++) contracts.push(await scene.chain.deploy('DeepPayer'))
    const amount = parseEther('0.004')
    const call = { functionName: 'pay', args: [wallet, 250n], value: amount, gas: 100_000_000n }
    const sends = contracts.map((contract) => scene.chain.call({ ...call, contract }))
    const { hashes } = await mineBesideControl(scene, ...sends)
    for (const [index, { address }] of contracts.entries()) {
      await expectCredited(address, [{ asset: 'eth', hash: hashes[index] as Hash, amount }])
    }
  })
})

test('the books of all this are in order', async () => {
  await expectBooksInOrder(scene)
})

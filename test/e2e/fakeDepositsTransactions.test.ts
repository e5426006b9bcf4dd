import { type Address, type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { deploySafe } from '../support/deploySafe.ts'
import { expectBooksInOrder } from '../support/expectBooksInOrder.ts'
import { expectNoDeposit } from '../support/expectNoDeposit.ts'
import { mineBesideControl } from '../support/mineBesideControl.ts'
import { type Scene, startScene } from '../support/startScene.ts'

// ETH_DETECTION=transactions, for RPCs without debug_trace: only the value of a transaction itself is seen.

let scene: Scene
let wallet: Address

beforeAll(async () => {
  scene = await startScene({
    proxies: 1,
    overrides: { ETH_DETECTION: 'transactions' },
    // Nothing may even try to trace.
    prepare: ([proxy]) => {
      for (const method of ['debug_traceTransaction', 'debug_traceBlockByHash', 'debug_traceBlockByNumber']) {
        proxy?.without(method)
      }
    },
  })
  wallet = scene.chain.accounts.revenue
})
afterAll(async () => {
  await scene?.stop()
})

async function mineOne(send: Promise<Hash>): Promise<Hash> {
  const { hashes } = await mineBesideControl(scene, send)
  return hashes[0] as Hash
}

describe('with ETH_DETECTION=transactions', () => {
  it('a top-level payment is credited', async () => {
    const payer = await scene.newPayer()
    const hash = await mineOne(scene.chain.transferEth({ from: payer, value: parseEther('0.001') }))
    const { id } = await scene.deposit(hash, 'credited')
    expect(await scene.booksOf(payer)).toEqual({
      deposits: [
        {
          rail: 'eth:31337',
          state: 'credited',
          reason: null,
          amount: '1000000000000000',
          micros: '7200000000',
        },
      ],
      entries: [{ kind: 'deposit', micros: '7200000000', reference: `deposit:${id}:1` }],
      events: ['deposit.pending', 'deposit.credited'],
      balanceMicros: '7200000000',
    })
  })

  it('many top-level payments in one block are credited', async () => {
    const payers: Address[] = []
    for (let i = 0; i < 9; i++) payers.push(await scene.newPayer())
    const { hashes } = await mineBesideControl(
      scene,
      ...payers.map((from) => scene.chain.transferEth({ from, value: parseEther('0.0005') })),
    )
    for (const hash of hashes) await scene.deposit(hash, 'credited')
    for (const payer of payers) expect((await scene.booksOf(payer)).balanceMicros).toBe('3600000000')
  })

  it('an internal payment is none, also when it is handed in', async () => {
    const contract = await scene.chain.deploy('MultiPayer')
    const value = parseEther('6')
    const args = [wallet, [value]]
    const before = await scene.chain.client.getBalance({ address: wallet })
    const hash = await mineOne(scene.chain.call({ contract, functionName: 'payEth', args, value }))
    expect((await scene.chain.client.getBalance({ address: wallet })) - before).toBeGreaterThanOrEqual(value)
    await expectNoDeposit(scene, hash, 'no_qualifying_transfer')
  })

  it.each(['SelfDestructPayer', 'SelfDestructFactory'])('nor is one by %s', async (name) => {
    const contract = await scene.chain.deploy(name)
    const value = parseEther('1')
    const hash = await mineOne(scene.chain.call({ contract, functionName: 'pay', args: [wallet], value }))
    await expectNoDeposit(scene, hash, 'no_qualifying_transfer')
  })

  it.each(['delegateCall', 'callCode'])('%s to the wallet is no deposit', async (functionName) => {
    const contract = await scene.chain.deploy('DelegateCaller')
    const value = parseEther('5')
    const hash = await mineOne(scene.chain.call({ contract, functionName, args: [wallet], value }))
    await expectNoDeposit(scene, hash, 'no_qualifying_transfer')
  })

  it('a transaction of 0 ETH, one of the wallet to itself and one that failed are no deposits', async () => {
    const { attacker } = scene.chain.accounts
    const contract = await scene.chain.deploy('RevertingPayer')
    const { hashes } = await mineBesideControl(
      scene,
      scene.chain.transferEth({ from: attacker, value: 0n }),
      scene.chain.transferEth({ from: wallet, value: parseEther('1') }),
      scene.chain.call({ contract, functionName: 'payAndFail', args: [wallet], value: parseEther('1') }),
    )
    await expectNoDeposit(scene, hashes[0] as Hash, 'no_qualifying_transfer')
    await expectNoDeposit(scene, hashes[1] as Hash, 'no_qualifying_transfer')
    await expectNoDeposit(scene, hashes[2] as Hash, 'transaction_failed')
  })

  it('a Safe’s USDC is credited to the Safe, its ETH is not seen', async () => {
    const safe = await deploySafe(scene.chain, { owners: ['ownerA', 'ownerB'], threshold: 2 })
    await scene.chain.client.setBalance({ address: safe.address, value: parseEther('1') })
    await scene.chain.mineWith(scene.chain.mintToken(scene.usdc, safe.address, 1_000_000n))
    const paid = await mineOne(safe.payToken({ token: scene.usdc, amount: 1_000_000n }))
    await scene.deposit(paid, 'credited')
    const unseen = await mineOne(safe.payEth({ value: parseEther('0.5') }))
    await expectNoDeposit(scene, unseen, 'no_qualifying_transfer')
    expect((await scene.booksOf(safe.address)).balanceMicros).toBe('3600000000')
  })
})

test('nobody traced, and the books are in order', async () => {
  const calls = scene.proxies[0]?.calls
  expect([...(calls?.keys() ?? [])].filter((method) => method.startsWith('debug_'))).toEqual([])
  await expectBooksInOrder(scene)
})

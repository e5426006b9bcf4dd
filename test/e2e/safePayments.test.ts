import { type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import type { Role } from '../support/createChain.ts'
import { deploySafe } from '../support/deploySafe.ts'
import { expectBooksInOrder } from '../support/expectBooksInOrder.ts'
import { expectNoDeposit } from '../support/expectNoDeposit.ts'
import { mineBesideControl } from '../support/mineBesideControl.ts'
import { type Scene, startScene } from '../support/startScene.ts'

// Case 6: a Safe of the published contracts pays from inside a transaction of somebody else, and is itself the payer.

let scene: Scene

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
})
afterAll(async () => {
  await scene?.stop()
})

async function mineOne(send: Promise<Hash>): Promise<Hash> {
  const { hashes } = await mineBesideControl(scene, send)
  return hashes[0] as Hash
}

const nothing = { deposits: [], entries: [], events: [], balanceMicros: '0' }

const families: { name: string; owners: Role[]; threshold: number }[] = [
  { name: '1-of-1', owners: ['ownerA'], threshold: 1 },
  { name: '2-of-3', owners: ['ownerC', 'ownerA', 'ownerB'], threshold: 2 },
]

describe.each(families)('a $name Safe', ({ owners, threshold }) => {
  it('pays ETH and USDC and is credited; neither its owners nor the relayer are', async () => {
    const { chain } = scene
    const safe = await deploySafe(chain, { owners, threshold })
    await chain.client.setBalance({ address: safe.address, value: parseEther('1') })
    await chain.mineWith(chain.mintToken(scene.usdc, safe.address, parseUnits('5', 6)))
    const ether = await mineOne(safe.payEth({ value: parseEther('0.001') }))
    const usdc = await mineOne(safe.payToken({ token: scene.usdc, amount: parseUnits('2', 6) }))
    expect((await chain.client.getTransaction({ hash: ether })).from).toBe(chain.accounts.relayer)
    await scene.deposit(ether, 'credited')
    await scene.deposit(usdc, 'credited')
    expect(await scene.booksOf(safe.address)).toEqual({
      deposits: [
        {
          rail: 'eth:31337',
          state: 'credited',
          reason: null,
          amount: '1000000000000000',
          micros: '7200000000',
        },
        { rail: 'usdc:31337', state: 'credited', reason: null, amount: '2000000', micros: '7200000000' },
      ],
      entries: [
        { kind: 'deposit', micros: '7200000000', reference: `deposit:31337-${ether}-eth-${safe.address}:1` },
        { kind: 'deposit', micros: '7200000000', reference: `deposit:31337-${usdc}-usdc-${safe.address}:1` },
      ],
      events: ['deposit.pending', 'deposit.credited', 'deposit.pending', 'deposit.credited'],
      balanceMicros: '14400000000',
    })
    for (const role of [...owners, 'relayer'] as const) {
      expect(await scene.booksOf(chain.accounts[role])).toEqual(nothing)
    }
  })
})

describe('a Safe', () => {
  it('has the tier of the AXGT that it holds itself, not of its owner’s', async () => {
    const { chain } = scene
    const [rich, poor] = [
      await deploySafe(chain, { owners: ['ownerA'] }),
      await deploySafe(chain, { owners: ['ownerB'] }),
    ]
    await chain.mineWith(
      chain.mintToken(scene.axgt, rich.address, parseUnits('100000', 18)),
      chain.mintToken(scene.axgt, chain.accounts.ownerB, parseUnits('100000', 18)),
    )
    for (const safe of [rich, poor]) {
      await chain.client.setBalance({ address: safe.address, value: parseEther('1') })
      await scene.deposit(await mineOne(safe.payEth({ value: parseEther('0.0006') })), 'credited')
    }
    expect((await scene.booksOf(rich.address)).balanceMicros).toBe('5760000000')
    expect((await scene.booksOf(poor.address)).balanceMicros).toBe('4320000000')
  })

  it('pays AXGT, which is credited with its bonus', async () => {
    const safe = await deploySafe(scene.chain, { owners: ['ownerA'] })
    await scene.chain.mineWith(scene.chain.mintToken(scene.axgt, safe.address, parseUnits('100', 18)))
    const hash = await mineOne(safe.payToken({ token: scene.axgt, amount: parseUnits('100', 18) }))
    await scene.deposit(hash, 'credited')
    expect((await scene.booksOf(safe.address)).balanceMicros).toBe('4500000000')
  })

  it('that has less than it sends fails as a whole and is not credited', async () => {
    const safe = await deploySafe(scene.chain, { owners: ['ownerA'] })
    const hash = await mineOne(safe.payEth({ value: parseEther('3') }))
    await expectNoDeposit(scene, hash, 'transaction_failed')
    expect(await scene.booksOf(safe.address)).toEqual(nothing)
  })
})

test('the books of all this are in order', async () => {
  await expectBooksInOrder(scene)
})

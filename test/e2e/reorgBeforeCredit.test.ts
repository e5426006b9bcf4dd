import type { Hash } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endScene } from '../support/endScene.ts'
import { DOLLAR, ETHER, HOUR, payEther, payUsdc } from '../support/hourPayments.ts'
import { newSigner } from '../support/newSigner.ts'
import { type Scene, startScene, WITHIN_MS } from '../support/startScene.ts'
import { waitForIndexer } from '../support/waitForIndexer.ts'
import { waitForPass } from '../support/waitForPass.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Cases 15 to 17: what a reorg does to a deposit that is not credited yet.

let scene: Scene

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
})
afterAll(() => endScene(scene))

async function look(hash: Hash) {
  const { status, body } = await scene.service.request(`/v1/transactions/${hash}`)
  return { status, body: body as { outcome: string; deposits: Record<string, unknown>[] } }
}

/** Waits until the deposit is known to be in that block. */
async function recordedIn(txHash: Hash, blockHash: Hash): Promise<void> {
  await waitUntil(
    async () => {
      const rows = await scene.database.sql<{ state: string; blockHash: Hash }[]>`
        select state, block_hash as "blockHash" from credits.deposit where tx_hash = ${txHash}`
      if (rows[0]?.blockHash === blockHash) return true
      throw new Error(JSON.stringify(rows))
    },
    { withinMs: WITHIN_MS, what: `${txHash} to be recorded in ${blockHash}` },
  )
}

function creditedOnce(rail: string, amount: bigint, id: string, events: string[]) {
  return {
    deposits: [{ rail, state: 'credited', reason: null, amount: amount.toString(), micros: HOUR }],
    entries: [{ kind: 'deposit', micros: HOUR, reference: `deposit:${id}:1` }],
    events,
    balanceMicros: HOUR,
  }
}

describe('confirmations', () => {
  test('at 5 confirmations a deposit is not credited, at 6 it is, once', async () => {
    const { chain } = scene
    const [earlier, later] = [await scene.newPayer(), await scene.newPayer()]
    const first = await chain.mineWith(payEther(scene, earlier))
    const second = await chain.mineWith(payEther(scene, later), payUsdc(scene, later))
    const [ether, usdc] = second.hashes as [Hash, Hash]
    await chain.mine(4)
    const { id } = await scene.deposit(first.hashes[0] as Hash, 'credited')
    await waitForPass(scene)
    expect(await scene.booksOf(earlier)).toEqual(
      creditedOnce('eth:31337', ETHER, id, ['deposit.pending', 'deposit.credited']),
    )
    for (const hash of [ether, usdc]) {
      const { body } = await look(hash)
      expect(body.outcome).toBe('pending')
      expect(body.deposits).toMatchObject([{ state: 'pending', confirmations: 5, creditMicros: null }])
    }
    expect(await scene.booksOf(later)).toMatchObject({
      entries: [],
      events: ['deposit.pending', 'deposit.pending'],
      balanceMicros: '0',
    })

    await chain.mine(1)
    await scene.deposit(ether, 'credited')
    await scene.deposit(usdc, 'credited')
    await chain.mine(1)
    await waitForPass(scene)
    const books = await scene.booksOf(later)
    expect(books.entries).toHaveLength(2)
    expect([...books.events].sort()).toEqual([
      'deposit.credited',
      'deposit.credited',
      'deposit.pending',
      'deposit.pending',
    ])
    expect(books.balanceMicros).toBe('7200000000')
  })
})

describe('a reorg before the credit', () => {
  test.each([1, 2, 3, 4, 5])(
    'of depth %i drops the payment; back in another block at another log index it is credited once',
    async (depth) => {
      const { chain } = scene
      const [payer, neighbour] = [await newSigner(chain, [scene.usdc]), await scene.newPayer()]
      const { hash, raw } = await payer.payToken(scene.usdc, DOLLAR)
      const paid = await chain.mineWith(chain.resend(raw))
      const logIndex = (await chain.receipt(hash)).logs[0]?.logIndex
      await chain.mine(depth - 1)
      await scene.deposit(hash, 'pending')

      await waitForIndexer(scene)
      await chain.reorg(depth)
      const { id } = await scene.deposit(hash, 'orphaned')
      expect((await look(hash)).body.deposits).toMatchObject([{ state: 'orphaned', confirmations: 0 }])

      // Whoever comes first in the block has the lower log index.
      const other = await payUsdc(scene, neighbour)
      await chain.resend(raw)
      const again = await chain.mineWith(other, hash)
      expect(again.number).not.toBe(paid.number)
      expect((await chain.receipt(hash)).logs[0]?.logIndex).not.toBe(logIndex)
      await scene.deposit(hash, 'pending')
      await chain.mine(5)
      await scene.deposit(hash, 'credited')
      await chain.mine(1)
      await waitForPass(scene)
      expect(await scene.booksOf(payer.address)).toEqual(
        creditedOnce('usdc:31337', DOLLAR, id, [
          'deposit.pending',
          'deposit.orphaned',
          'deposit.pending',
          'deposit.credited',
        ]),
      )
    },
  )

  test.each([2, 3, 5])(
    'of depth %i that moves the payment to another block at once is not even told; confirmations start anew',
    async (depth) => {
      const { chain } = scene
      const [payer, neighbour] = [await newSigner(chain, [scene.usdc]), await scene.newPayer()]
      const { hash, raw } = await payer.payToken(scene.usdc, DOLLAR)
      const paid = await chain.mineWith(chain.resend(raw), payEther(scene, neighbour))
      await chain.mine(depth - 1)
      await scene.deposit(hash, 'pending')

      await waitForIndexer(scene)
      await chain.reorg(depth, [{ raw, atBlock: 1 }])
      const moved = await chain.receipt(hash)
      expect(moved.blockNumber).toBe(paid.number + 1n)
      await recordedIn(hash, moved.blockHash)
      // As deep as the first inclusion would have had to be: one block short of the second.
      await chain.mine(Number(paid.number + 5n - (await chain.head()).number))
      await waitForPass(scene)
      expect((await look(hash)).body.deposits).toMatchObject([{ state: 'pending', confirmations: 5 }])
      await chain.mine(1)
      const { id } = await scene.deposit(hash, 'credited')
      expect(await scene.booksOf(payer.address)).toEqual(
        creditedOnce('usdc:31337', DOLLAR, id, ['deposit.pending', 'deposit.credited']),
      )
      // The neighbour's payment was in the same block and did not come back.
      expect(await scene.booksOf(neighbour)).toMatchObject({
        deposits: [{ state: 'orphaned' }],
        entries: [],
        events: ['deposit.pending', 'deposit.orphaned'],
        balanceMicros: '0',
      })
    },
  )
})

describe('a transaction of the same nonce', () => {
  test('that replaces a payment after 2 confirmations leaves it orphaned, without credit', async () => {
    const { chain } = scene
    const [payer, control] = [await scene.newPayer(), await scene.newPayer()]
    const [hash] = (await chain.mineWith(payEther(scene, payer))).hashes as [Hash]
    await chain.mine(1)
    await waitUntil(async () => (await look(hash)).body.deposits[0]?.confirmations === 2, {
      withinMs: WITHIN_MS,
      what: 'two confirmations',
    })
    await waitForIndexer(scene)
    const replacement = await chain.replace(hash)
    const [, other] = (await chain.mineWith(replacement, payEther(scene, control))).hashes as [Hash, Hash]
    await chain.mine(8)
    await scene.deposit(other, 'credited')
    await waitForPass(scene)
    expect(await scene.booksOf(payer)).toEqual({
      deposits: [
        { rail: 'eth:31337', state: 'orphaned', reason: null, amount: ETHER.toString(), micros: null },
      ],
      entries: [],
      events: ['deposit.pending', 'deposit.orphaned'],
      balanceMicros: '0',
    })
    const again = await scene.service.request('/v1/deposits', { json: { txHash: hash } })
    expect(again.status).not.toBe(200)
    expect((await scene.booksOf(payer)).entries).toEqual([])
  })

  test('that pays another amount is credited in its place', async () => {
    const { chain } = scene
    const payer = await scene.newPayer()
    const [hash] = (await chain.mineWith(payEther(scene, payer))).hashes as [Hash]
    await chain.mine(1)
    await scene.deposit(hash, 'pending')
    await waitForIndexer(scene)
    const replacement = await chain.replace(hash, { to: chain.accounts.revenue, value: 3n * ETHER })
    await chain.mineWith(replacement)
    await chain.mine(5)
    const { id, micros } = await scene.deposit(replacement, 'credited')
    await scene.deposit(hash, 'orphaned')
    expect(micros).toBe('10800000000')
    const books = await scene.booksOf(payer)
    expect(books.entries).toEqual([{ kind: 'deposit', micros: '10800000000', reference: `deposit:${id}:1` }])
    expect(books.balanceMicros).toBe('10800000000')
  })

  test('that replaces a submitted payment in the mempool leaves nothing behind but a search', async () => {
    const { chain } = scene
    const [payer, control] = [await scene.newPayer(), await scene.newPayer()]
    const hash = await payEther(scene, payer)
    const submitted = await scene.service.request('/v1/deposits', { json: { txHash: hash } })
    expect(submitted.status).toBe(202)
    expect(submitted.body).toMatchObject({ deposits: [{ confirmations: 0, blockNumber: null }] })
    await waitForIndexer(scene)
    const replacement = await chain.replace(hash)
    const [, other] = (await chain.mineWith(replacement, payEther(scene, control))).hashes as [Hash, Hash]
    await chain.mine(5)
    await scene.deposit(other, 'credited')
    // It may come back, so it is looked for, at growing intervals.
    await waitUntil(
      async () => {
        const rows = await scene.database.sql`
          select 1 from credits.submitted_transaction where tx_hash = ${hash} and retry_at > submitted_at`
        return rows.length === 1
      },
      { withinMs: WITHIN_MS, what: 'the submission to be searched for again' },
    )
    expect(await scene.booksOf(payer)).toEqual({ deposits: [], entries: [], events: [], balanceMicros: '0' })
    expect((await look(hash)).status).toBe(404)
  })
})

import { parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createChain, type TestChain } from '../../support/createChain.ts'

let chain: TestChain
beforeAll(async () => {
  chain = await createChain()
})
afterAll(() => chain.stop())

describe('the test chain', () => {
  it('mines nothing by itself, and everything that waits when told to', async () => {
    const before = await chain.head()
    const hash = await chain.transferEth({ from: chain.accounts.buyer, value: 1n })
    expect(await chain.head()).toEqual(before)
    expect((await chain.client.getTransaction({ hash })).blockNumber).toBeNull()
    const block = await chain.mineWith(hash)
    expect(block.number).toBe(before.number + 1n)
    expect(await chain.receipt(hash)).toMatchObject({ status: 'success', blockHash: block.hash })
  })

  it('counts as many blocks as asked', async () => {
    const before = await chain.head()
    expect((await chain.mine(7)).number).toBe(before.number + 7n)
  })

  it('deploys USDC-like and AXGT-like tokens that move', async () => {
    const { usdc, axgt } = await chain.deployTokens()
    expect(await chain.read({ contract: usdc, functionName: 'decimals' })).toBe(6)
    expect(await chain.read({ contract: axgt, functionName: 'decimals' })).toBe(18)
    await chain.mineWith(chain.mintToken(usdc, chain.accounts.buyer, 5n))
    await chain.mineWith(chain.transferToken({ token: usdc, from: chain.accounts.buyer, amount: 3n }))
    const balance = await chain.read({
      contract: usdc,
      functionName: 'balanceOf',
      args: [chain.accounts.revenue],
    })
    expect(balance).toBe(3n)
  })

  it('reorganises: a transaction is gone, other hashes at the same heights, and comes back when resent', async () => {
    await chain.mine(2)
    const hash = await chain.transferEth({ from: chain.accounts.buyer, value: parseEther('1') })
    const paidIn = await chain.mineWith(hash)
    const top = await chain.mine(3)
    const raw = await chain.rawTransaction(hash)
    const after = await chain.reorg(4)
    expect(after.number).toBe(top.number)
    expect(after.hash).not.toBe(top.hash)
    expect((await chain.client.getBlock({ blockNumber: paidIn.number })).hash).not.toBe(paidIn.hash)
    await expect(chain.receipt(hash)).rejects.toThrow('could not be found')

    expect(await chain.resend(raw)).toBe(hash)
    const again = await chain.mineWith(hash)
    expect(again.number).toBe(top.number + 1n)
  })

  it('changes the hashes of empty blocks too when it reorganises', async () => {
    const top = await chain.mine(3)
    expect((await chain.reorg(2)).hash).not.toBe(top.hash)
  })

  it('reorganises a transaction into another block at once', async () => {
    const hash = await chain.transferEth({ from: chain.accounts.buyer, value: 5n })
    const paidIn = await chain.mineWith(hash)
    await chain.mine(3)
    const raw = await chain.rawTransaction(hash)
    await chain.reorg(4, [{ raw, atBlock: 2 }])
    expect((await chain.receipt(hash)).blockNumber).toBe(paidIn.number + 2n)
  })

  it('replaces a mined transaction by one of the same nonce', async () => {
    const hash = await chain.transferEth({ from: chain.accounts.buyer, value: 5n })
    await chain.mineWith(hash)
    await chain.mine(1)
    const { nonce } = await chain.client.getTransaction({ hash })
    const replacement = await chain.replace(hash)
    await chain.mineWith(replacement)
    await expect(chain.receipt(hash)).rejects.toThrow('could not be found')
    expect((await chain.client.getTransaction({ hash: replacement })).nonce).toBe(nonce)
  })

  it('replaces a transaction that still waits in the mempool', async () => {
    const hash = await chain.transferEth({ from: chain.accounts.buyer, value: 5n })
    const replacement = await chain.replace(hash)
    await chain.mineWith(replacement)
    await expect(chain.receipt(hash)).rejects.toThrow('could not be found')
  })

  it('lets time pass without mining', async () => {
    await chain.mine()
    const before = await chain.timestamp()
    await chain.increaseTime(3_600)
    expect(await chain.timestamp()).toBe(before)
    await chain.mine()
    expect(await chain.timestamp()).toBeGreaterThanOrEqual(before + 3_600n)
  })
})

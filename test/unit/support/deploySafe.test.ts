import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createChain, type Role, type TestChain } from '../../support/createChain.ts'
import { deploySafe } from '../../support/deploySafe.ts'
import { framesTo } from '../../support/framesTo.ts'

let chain: TestChain
beforeAll(async () => {
  chain = await createChain()
})
afterAll(() => chain.stop())

const families: { name: string; owners: Role[]; threshold: number }[] = [
  { name: '1-of-1', owners: ['ownerA'], threshold: 1 },
  { name: '2-of-3', owners: ['ownerC', 'ownerA', 'ownerB'], threshold: 2 },
]

describe.each(families)('a $name Safe', ({ owners, threshold }) => {
  it('pays ETH as itself, from inside a transaction of somebody else', async () => {
    const safe = await deploySafe(chain, { owners, threshold })
    await chain.mineWith(
      chain.transferEth({ from: chain.accounts.buyer, to: safe.address, value: parseEther('1') }),
    )
    const before = await chain.client.getBalance({ address: chain.accounts.revenue })
    const { hashes } = await chain.mineWith(safe.payEth({ value: 5n }))
    expect((await chain.receipt(hashes[0] as Hash)).status).toBe('success')
    expect((await chain.client.getBalance({ address: chain.accounts.revenue })) - before).toBe(5n)
    expect(await framesTo(chain.client, hashes[0] as Hash, chain.accounts.revenue)).toEqual([
      { type: 'CALL', from: safe.address, value: 5n, undone: false },
    ])
    const sent = await chain.client.getTransaction({ hash: hashes[0] as Hash })
    expect(sent.from).toBe(chain.accounts.relayer)
  })

  it('pays a token', async () => {
    const safe = await deploySafe(chain, { owners, threshold })
    const token = await chain.deployToken('USDC', 6)
    await chain.mineWith(chain.mintToken(token, safe.address, 5n))
    await chain.mineWith(safe.payToken({ token, amount: 5n }))
    const args = [chain.accounts.revenue]
    expect(await chain.read({ contract: token, functionName: 'balanceOf', args })).toBe(5n)
  })
})

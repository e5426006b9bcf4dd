import { type Hash, parseEther, parseEventLogs } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createChain, type TestChain } from '../../support/createChain.ts'
import { framesTo } from '../../support/framesTo.ts'

// Each hostile contract must really do on the chain what its name says: else a defence that passes its test proves nothing.

let chain: TestChain
beforeAll(async () => {
  chain = await createChain()
})
afterAll(() => chain.stop())

const ether = parseEther
const wallet = () => chain.accounts.revenue
const attacker = () => chain.accounts.attacker

async function walletGains(send: Promise<Hash>) {
  const before = await chain.client.getBalance({ address: wallet() })
  const { hashes } = await chain.mineWith(send)
  const hash = hashes[0] as Hash
  const gained = (await chain.client.getBalance({ address: wallet() })) - before
  return {
    hash,
    gained,
    status: (await chain.receipt(hash)).status,
    frames: await framesTo(chain.client, hash, wallet()),
  }
}

describe('DelegateCaller', () => {
  it.each([
    ['delegateCall', 'DELEGATECALL'],
    ['callCode', 'CALLCODE'],
    ['staticCall', 'STATICCALL'],
  ])('%s shows a %s frame aimed at the wallet, and no ETH moves', async (functionName, type) => {
    const contract = await chain.deploy('DelegateCaller')
    const value = ether('5')
    const { gained, status, frames } = await walletGains(
      chain.call({ from: attacker(), contract, functionName, args: [wallet()], value }),
    )
    expect({ gained, status }).toEqual({ gained: 0n, status: 'success' })
    expect(frames).toMatchObject([{ type, undone: false }])
    if (type !== 'STATICCALL') expect(frames[0]?.value).toBe(value)
  })
})

describe('RevertingPayer', () => {
  it.each(['pay', 'payDeep'])(
    '%s: a CALL with value inside a reverted frame of a successful transaction',
    async (functionName) => {
      const contract = await chain.deploy('RevertingPayer')
      const value = ether('5')
      const { gained, status, frames } = await walletGains(
        chain.call({ from: attacker(), contract, functionName, args: [wallet()], value }),
      )
      expect({ gained, status }).toEqual({ gained: 0n, status: 'success' })
      expect(frames).toMatchObject([{ type: 'CALL', value, undone: true }])
    },
  )

  it('payBoth: one payment undone, one that stands', async () => {
    const contract = await chain.deploy('RevertingPayer')
    const { gained, frames } = await walletGains(
      chain.call({ from: attacker(), contract, functionName: 'payBoth', args: [wallet(), 3n], value: 10n }),
    )
    expect(gained).toBe(7n)
    expect(frames).toMatchObject([
      { value: 3n, undone: true },
      { value: 7n, undone: false },
    ])
  })

  it('payAndFail: status 0 after an internal payment', async () => {
    const contract = await chain.deploy('RevertingPayer')
    const { gained, status } = await walletGains(
      chain.call({ from: attacker(), contract, functionName: 'payAndFail', args: [wallet()], value: 10n }),
    )
    expect({ gained, status }).toEqual({ gained: 0n, status: 'reverted' })
  })

  it('payToken: the token moves and moves back, and the receipt has no log', async () => {
    const contract = await chain.deploy('RevertingPayer')
    const token = await chain.deployToken('USDC', 6)
    await chain.mineWith(chain.mintToken(token, contract.address, 10n))
    const args = [token.address, wallet(), 10n]
    const { hash, status } = await walletGains(chain.call({ contract, functionName: 'payToken', args }))
    expect(status).toBe('success')
    expect((await chain.receipt(hash)).logs).toEqual([])
  })
})

describe('MultiPayer', () => {
  it('payEth: three internal payments of one payer', async () => {
    const contract = await chain.deploy('MultiPayer')
    const args = [wallet(), [ether('1'), ether('2'), ether('3')]]
    const { gained, frames } = await walletGains(
      chain.call({ contract, functionName: 'payEth', args, value: ether('6') }),
    )
    expect(gained).toBe(ether('6'))
    expect(frames.map(({ value }) => value)).toEqual([ether('1'), ether('2'), ether('3')])
    expect(new Set(frames.map(({ from }) => from))).toEqual(new Set([contract.address]))
  })

  it('payEthAndToken: both rails in one transaction', async () => {
    const contract = await chain.deploy('MultiPayer')
    const token = await chain.deployToken('USDC', 6)
    await chain.mineWith(chain.mintToken(token, contract.address, 9n))
    const args = [wallet(), token.address, 9n]
    const { hash, gained } = await walletGains(
      chain.call({ contract, functionName: 'payEthAndToken', args, value: 4n }),
    )
    expect(gained).toBe(4n)
    expect(await tokenLogs(hash)).toEqual([{ from: contract.address, to: wallet(), value: 9n }])
  })

  it('payThrough: two payers in one transaction', async () => {
    const router = await chain.deploy('MultiPayer')
    const first = await chain.deploy('MultiPayer')
    const second = await chain.deploy('MultiPayer')
    const args = [wallet(), [first.address, second.address], [4n, 5n]]
    const { frames } = await walletGains(
      chain.call({ contract: router, functionName: 'payThrough', args, value: 9n }),
    )
    expect(frames).toMatchObject([
      { type: 'CALL', from: first.address, value: 4n },
      { type: 'CALL', from: second.address, value: 5n },
    ])
  })
})

describe('SelfDestructPayer', () => {
  it.each(['SelfDestructPayer', 'SelfDestructFactory'])(
    '%s pays with a SELFDESTRUCT frame alone',
    async (name) => {
      const contract = await chain.deploy(name)
      const { gained, frames } = await walletGains(
        chain.call({ contract, functionName: 'pay', args: [wallet()], value: 8n }),
      )
      expect(gained).toBe(8n)
      expect(frames).toMatchObject([{ type: 'SELFDESTRUCT', value: 8n, undone: false }])
    },
  )
})

describe('tokens', () => {
  it('LogForger: topics and data equal a real transfer, byte for byte', async () => {
    const forger = await chain.deploy('LogForger')
    const token = await chain.deployToken('USDC', 6)
    await chain.mineWith(chain.mintToken(token, attacker(), 7n))
    const real = await chain.mineWith(chain.transferToken({ token, from: attacker(), amount: 7n }))
    const args = [attacker(), wallet(), 7n]
    const forged = await chain.mineWith(chain.call({ contract: forger, functionName: 'forge', args }))
    const shape = async (hash: Hash | undefined) => {
      const [log] = (await chain.receipt(hash as Hash)).logs
      return { topics: log?.topics, data: log?.data }
    }
    expect(await shape(forged.hashes[0])).toEqual(await shape(real.hashes[0]))
  })

  it('OddLogToken: the event signature of Transfer in every shape but the standard one', async () => {
    const token = await chain.deploy('OddLogToken')
    const shapes: Record<string, [topics: number, dataBytes: number]> = {}
    for (const functionName of ['transferIndexed', 'transferLong', 'transferShort', 'transferUnindexed']) {
      const sent = await chain.mineWith(chain.call({ contract: token, functionName, args: [wallet(), 7n] }))
      const [log] = (await chain.receipt(sent.hashes[0] as Hash)).logs
      shapes[functionName] = [log?.topics.length ?? 0, ((log?.data.length ?? 2) - 2) / 2]
    }
    expect(shapes).toEqual({
      transferIndexed: [4, 0],
      transferLong: [3, 64],
      transferShort: [3, 31],
      transferUnindexed: [1, 96],
    })
  })

  it('FeeToken: the log says 100, the wallet gains 98', async () => {
    const token = { ...(await chain.deploy('FeeToken', ['Fee', 'FEE', 6, 2n])), symbol: 'FEE', decimals: 6 }
    await chain.mineWith(chain.mintToken(token, attacker(), 100n))
    const sent = await chain.mineWith(chain.transferToken({ token, from: attacker(), amount: 100n }))
    expect(await tokenLogs(sent.hashes[0] as Hash)).toMatchObject([{ value: 100n }])
    expect(await chain.read({ contract: token, functionName: 'balanceOf', args: [wallet()] })).toBe(98n)
  })

  it('HundredPayer: a hundred transfers of ETH or of a token in one transaction', async () => {
    const contract = await chain.deploy('HundredPayer')
    const token = await chain.deployToken('USDC', 6)
    await chain.mineWith(chain.mintToken(token, contract.address, 300n))
    const eth = await walletGains(
      chain.call({ contract, functionName: 'payEth', args: [wallet(), 100n, 2n], value: 200n }),
    )
    expect(eth.gained).toBe(200n)
    expect(eth.frames).toHaveLength(100)
    const args = [token.address, wallet(), 100n, 3n]
    const tokens = await walletGains(chain.call({ contract, functionName: 'payToken', args }))
    expect(await tokenLogs(tokens.hash)).toHaveLength(100)
  })

  it('TokenSpender: the log names the owner of the tokens', async () => {
    const contract = await chain.deploy('TokenSpender')
    const token = await chain.deployToken('USDC', 6)
    const owner = chain.accounts.holder
    await chain.mineWith(
      chain.mintToken(token, owner, 6n),
      chain.call({ from: owner, contract: token, functionName: 'approve', args: [contract.address, 6n] }),
    )
    const args = [token.address, owner, wallet(), 6n]
    const sent = await chain.mineWith(chain.call({ contract, functionName: 'spend', args }))
    expect(await tokenLogs(sent.hashes[0] as Hash)).toEqual([{ from: owner, to: wallet(), value: 6n }])
  })

  it('a mint to the wallet comes from the zero address', async () => {
    const token = await chain.deployToken('USDC', 6)
    const sent = await chain.mineWith(chain.mintToken(token, wallet(), 2n ** 256n - 1n))
    expect(await tokenLogs(sent.hashes[0] as Hash)).toEqual([
      { from: `0x${'0'.repeat(40)}`, to: wallet(), value: 2n ** 256n - 1n },
    ])
  })
})

async function tokenLogs(hash: Hash) {
  const { logs } = await chain.receipt(hash)
  const { abi } = await chain.deployToken('ANY', 0)
  return parseEventLogs({ abi, eventName: 'Transfer', logs }).map((log) => {
    const { from, to, value } = log.args as unknown as { from: string; to: string; value: bigint }
    return { from: from.toLowerCase(), to: to.toLowerCase(), value }
  })
}

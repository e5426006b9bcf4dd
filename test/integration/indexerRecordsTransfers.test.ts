import { type Hash, parseEther, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { startIndexer, type TestIndexer, type TransferRow } from '../support/startIndexer.ts'

let chain: TestChain
let database: TestDatabase
let indexer: TestIndexer
let tokens: Awaited<ReturnType<TestChain['deployTokens']>>

beforeAll(async () => {
  chain = await createChain()
  database = await createTestDatabase()
  tokens = await chain.deployTokens()
  indexer = await startIndexer(database, { chains: [chain], tokens: { [chain.chainId]: tokens } })
})

afterAll(async () => {
  await indexer?.stop()
  await database?.drop()
  await chain?.stop()
})

/** Mines the transactions together and gives the rows that came of them. */
async function rowsOf(...sends: Promise<Hash>[]): Promise<TransferRow[]> {
  const { number, hashes } = await chain.mineWith(...sends)
  const rows = await indexer.transfersAt(number)
  return rows.filter((row) => hashes.includes(row.tx_hash as Hash))
}

const value = parseEther('1')

describe('the indexer with traces', () => {
  it('records a plain ETH payment with everything the gate wants to know, in lower case', async () => {
    const { buyer } = chain.accounts
    const sent = chain.transferEth({ from: buyer, value: 12_345n })
    const rows = await rowsOf(sent)
    const block = await chain.client.getBlock()
    expect(rows).toEqual([
      {
        chain_id: 31337,
        asset: 'eth',
        token: null,
        payer: buyer,
        amount: '12345',
        tx_hash: await sent,
        block_number: String(block.number),
        block_hash: block.hash,
        log_index: null,
        trace_index: 0,
      },
    ])
  })

  it('records USDC and AXGT transfers with their token and log index', async () => {
    const { buyer, holder } = chain.accounts
    await chain.mineWith(
      chain.mintToken(tokens.usdc, buyer, 5_000_000n),
      chain.mintToken(tokens.axgt, holder, value),
    )
    const rows = await rowsOf(
      chain.transferToken({ token: tokens.usdc, from: buyer, amount: 5_000_000n }),
      chain.transferToken({ token: tokens.axgt, from: holder, amount: value }),
    )
    const seen = rows.map(({ asset, token, payer, amount, trace_index }) => ({
      asset,
      token,
      payer,
      amount,
      trace_index,
    }))
    expect(seen).toContainEqual({
      asset: 'usdc',
      token: tokens.usdc.address,
      payer: buyer,
      amount: '5000000',
      trace_index: null,
    })
    expect(seen).toContainEqual({
      asset: 'axgt',
      token: tokens.axgt.address,
      payer: holder,
      amount: String(value),
      trace_index: null,
    })
    expect(rows).toHaveLength(2)
    expect(rows.every(({ log_index }) => log_index !== null)).toBe(true)
  })

  it('records internal payments by the contract that made them', async () => {
    const contract = await chain.deploy('MultiPayer')
    const rows = await rowsOf(
      chain.call({
        contract,
        functionName: 'payEth',
        args: [chain.accounts.revenue, [1n, 2n, 3n]],
        value: 6n,
      }),
    )
    expect(rows.map(({ payer, amount }) => [payer, amount])).toEqual([
      [contract.address, '1'],
      [contract.address, '2'],
      [contract.address, '3'],
    ])
  })

  it('records a payment by self-destruction', async () => {
    const contract = await chain.deploy('SelfDestructPayer')
    const rows = await rowsOf(
      chain.call({ contract, functionName: 'pay', args: [chain.accounts.revenue], value: 77n }),
    )
    expect(rows.map(({ payer, amount }) => [payer, amount])).toEqual([[contract.address, '77']])
  })

  it.each(['delegateCall', 'callCode', 'staticCall'])(
    'records nothing of a %s aimed at the wallet, where no ETH moves (case 1)',
    async (functionName) => {
      const contract = await chain.deploy('DelegateCaller')
      const rows = await rowsOf(chain.call({ contract, functionName, args: [chain.accounts.revenue], value }))
      expect(rows).toEqual([])
    },
  )

  it.each(['pay', 'payDeep', 'payAndFail'])(
    'records nothing of a payment that an enclosing frame undid: %s (cases 2, 3)',
    async (functionName) => {
      const contract = await chain.deploy('RevertingPayer')
      const rows = await rowsOf(chain.call({ contract, functionName, args: [chain.accounts.revenue], value }))
      expect(rows).toEqual([])
    },
  )

  it('records the payment beside one that was undone', async () => {
    const contract = await chain.deploy('RevertingPayer')
    const args = [chain.accounts.revenue, 400n]
    const rows = await rowsOf(chain.call({ contract, functionName: 'payBoth', args, value: 1_000n }))
    expect(rows.map(({ amount }) => amount)).toEqual(['600'])
  })

  it('drops zero values, of ETH and of tokens (case 8)', async () => {
    const rows = await rowsOf(
      chain.transferEth({ from: chain.accounts.buyer, value: 0n }),
      chain.transferToken({ token: tokens.usdc, from: chain.accounts.buyer, amount: 0n }),
    )
    expect(rows).toEqual([])
  })

  it('records nothing of another token of the same name, nor of transfers to others', async () => {
    const fake = await chain.deployToken('USDC', 6)
    const { buyer, other } = chain.accounts
    await chain.mineWith(chain.mintToken(fake, buyer, 9n), chain.mintToken(tokens.usdc, buyer, 9n))
    const rows = await rowsOf(
      chain.transferToken({ token: fake, from: buyer, amount: 9n }),
      chain.transferToken({ token: tokens.usdc, from: buyer, to: other, amount: 9n }),
      chain.transferEth({ from: buyer, to: other, value: 9n }),
    )
    expect(rows).toEqual([])
  })

  it('judges nothing: a mint to the wallet is recorded, with the zero address as payer', async () => {
    const rows = await rowsOf(chain.mintToken(tokens.usdc, chain.accounts.revenue, 3n))
    expect(rows.map(({ payer, amount }) => [payer, amount])).toEqual([[zeroAddress, '3']])
  })

  it('forgets a row whose block was reorganised away and records it again where it comes back', async () => {
    const sent = chain.transferEth({ from: chain.accounts.buyer, value: 55n })
    await rowsOf(sent)
    const raw = await chain.rawTransaction(await sent)
    const { number } = await chain.reorg(2)
    const higher = await chain.mine()
    expect((await indexer.transfersAt(number + 1n)).filter(({ amount }) => amount === '55')).toEqual([])
    await chain.resend(raw)
    const back = await chain.mine()
    const rows = (await indexer.transfersAt(higher.number + 1n)).filter(({ amount }) => amount === '55')
    expect(rows.map(({ block_number, block_hash }) => [block_number, block_hash])).toEqual([
      [String(back.number), back.hash],
    ])
  })

  it('serves GraphQL over the transfers, and refuses queries that are too deep or have too many aliases', async () => {
    const ask = async (query: string) => {
      const { body } = await indexer.service.request('/graphql', { json: { query } })
      return body as { data?: { transfers: { items: unknown[] } }; errors?: { message: string }[] }
    }
    const { data } = await ask('{ transfers(limit: 2) { items { id asset payer amount txHash } } }')
    expect(data?.transfers.items).toHaveLength(2)
    const aliases = Array.from({ length: 40 }, (_, i) => `a${i}: transfers { totalCount }`).join(' ')
    expect(await ask(`{ ${aliases} }`)).toMatchObject({ errors: [{}] })
    const deep = `{ __schema { types ${'{ fields { type '.repeat(12)} { name } ${'} }'.repeat(12)} } }`
    expect(await ask(deep)).toMatchObject({ errors: [{}] })
    const allowed = `{ __schema { types ${'{ fields { type '.repeat(3)} { name } ${'} }'.repeat(3)} } }`
    expect(await ask(allowed)).not.toHaveProperty('errors')
  })
})

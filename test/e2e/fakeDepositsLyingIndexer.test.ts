import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import type { Asset } from '../../billing/config/config.ts'
import { recordSeen } from '../../billing/deposits/recordSeen.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { type BlockRef, createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitForPass } from '../support/waitForPass.ts'
import { waitUntil } from '../support/waitUntil.ts'

// An indexer that records payments which never were: here nobody indexes, and the test writes the pending rows in its place.
// The gate must believe the chain alone.

const WITHIN_MS = 30_000
const START_BOUND_MS = 90_000
let chain: TestChain
let database: TestDatabase
let service: Service
let usdc: TestToken
let wallet: Address
let attacker: Address

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  const tokens = await chain.deployTokens()
  usdc = tokens.usdc
  wallet = chain.accounts.revenue
  attacker = chain.accounts.attacker
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: tokens },
  })
  service = await startService(settings, { args: ['--role', 'worker'], readyWithinMs: null })
  await waitForPass({ chain, database }, undefined, START_BOUND_MS)
})
afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await chain?.stop()
})

interface Claim {
  asset: Asset
  payer: Address
  amountBaseUnits: bigint
}

/** What a lying indexer writes: that this transaction paid that, in that block. */
async function claim(txHash: Hash, block: BlockRef, claimed: Claim): Promise<void> {
  const seen = { chainId: chain.chainId, txHash, blockNumber: block.number, blockHash: block.hash }
  await recordSeen(database.sql, [{ ...seen, ...claimed, blockTimestamp: new Date() }])
}

/** Its block stands and does not show it: never credited, and looked at again. */
const notSeen = { state: 'held', reason: 'payment_not_seen' }

async function recorded(txHash: Hash, states: string[]) {
  return waitUntil(
    async () => {
      const rows = await database.sql<
        { payer: string; rail: string; state: string; reason: string | null; amount: string }[]
      >`
        select payer, rail, state, reason, amount_base_units::text as amount from credits.deposit
        where tx_hash = ${txHash} order by state, payer`
      if (rows.length > 0 && rows.every(({ state }) => states.includes(state))) return [...rows]
      throw new Error(JSON.stringify(rows))
    },
    { withinMs: WITHIN_MS, what: `the claims of ${txHash} to be ${states.join(' or ')}` },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${service.logs().slice(-4_000)}`)
  })
}

async function entriesOf(txHash: Hash) {
  const entries = await database.sql<{ account: string; micros: string }[]>`
    select account, micros::text as micros from credits.ledger_entry
    where reference like ${`%${txHash}%`} order by id`
  return entries.map((row) => ({ ...row }))
}

/** Transactions that pay nothing, each with the payment somebody could claim it to be. */
async function makeFakes(): Promise<{ send: () => Promise<Hash>; claimed: Claim }[]> {
  const [delegate, reverting, deep] = [
    await chain.deploy('DelegateCaller'),
    await chain.deploy('RevertingPayer'),
    await chain.deploy('DeepPayer'),
  ]
  const [forger, twin] = [await chain.deploy('LogForger'), await chain.deployToken('USDC', 6)]
  await chain.mineWith(chain.mintToken(twin, attacker, 10n ** 12n))
  const value = parseEther('5')
  const dollars = parseUnits('1000', 6)
  const ether = (payer: Address): Claim => ({ asset: 'eth', payer, amountBaseUnits: value })
  const token = (payer: Address): Claim => ({ asset: 'usdc', payer, amountBaseUnits: dollars })
  const calling = (contract: typeof delegate, functionName: string, args: unknown[], gas?: bigint) => () =>
    chain.call({ contract, functionName, args, value, ...(gas ? { gas } : {}) })
  const forged = [attacker, wallet, dollars]
  return [
    { send: calling(delegate, 'delegateCall', [wallet]), claimed: ether(delegate.address) },
    { send: calling(delegate, 'callCode', [wallet]), claimed: ether(delegate.address) },
    { send: calling(delegate, 'staticCall', [wallet]), claimed: ether(delegate.address) },
    { send: calling(reverting, 'pay', [wallet]), claimed: ether(reverting.address) },
    { send: calling(reverting, 'payDeep', [wallet]), claimed: ether(reverting.address) },
    { send: calling(reverting, 'payAndFail', [wallet]), claimed: ether(reverting.address) },
    { send: calling(deep, 'payInVain', [wallet, 200n], 300_000_000n), claimed: ether(deep.address) },
    {
      send: () => chain.call({ contract: forger, functionName: 'forge', args: forged }),
      claimed: token(attacker),
    },
    {
      send: () => chain.transferToken({ token: twin, from: attacker, amount: dollars }),
      claimed: token(attacker),
    },
    {
      send: () => chain.transferToken({ token: usdc, from: attacker, amount: 0n }),
      claimed: token(attacker),
    },
    { send: () => chain.mintToken(usdc, wallet, dollars), claimed: token(`0x${'00'.repeat(20)}`) },
    { send: () => chain.transferEth({ from: wallet, value }), claimed: ether(wallet) },
    {
      send: () => chain.transferToken({ token: usdc, from: wallet, amount: dollars }),
      claimed: token(wallet),
    },
  ]
}

describe('a payment that the indexer made up', () => {
  test('is held until the chain shows it and never credited, each alone in its block', async () => {
    for (const { send, claimed } of await makeFakes()) {
      const block = await chain.mineWith(send())
      const hash = block.hashes[0] as Hash
      await claim(hash, block, claimed)
      await chain.mine(5)
      expect(await recorded(hash, ['orphaned', 'credited', 'held'])).toMatchObject([notSeen])
      expect(await entriesOf(hash)).toEqual([])
    }
  })

  test('is held until the chain shows it and never credited, all of them in one block with a payment that is real', async () => {
    const fakes = await makeFakes()
    const payer = await fresh()
    const real = chain.transferEth({ from: payer, value: parseEther('0.0005') })
    const block = await chain.mineWith(...fakes.map(({ send }) => send()), real)
    const realHash = block.hashes.at(-1) as Hash
    for (const [index, { claimed }] of fakes.entries()) {
      await claim(block.hashes[index] as Hash, block, claimed)
    }
    await claim(realHash, block, { asset: 'eth', payer, amountBaseUnits: parseEther('0.0005') })
    await chain.mine(5)
    for (const hash of block.hashes.slice(0, -1)) {
      expect(await recorded(hash, ['orphaned', 'credited', 'held'])).toMatchObject([notSeen])
      expect(await entriesOf(hash)).toEqual([])
    }
    await recorded(realHash, ['credited'])
    expect(await entriesOf(realHash)).toEqual([{ account: payer, micros: '3600000000' }])
  })

  it('and in a block that never was is found in its own block, and held there', async () => {
    const { hash, payer, value } = await delegateCall()
    const elsewhere = { number: (await chain.head()).number, hash: `0x${'11'.repeat(32)}` as Hash }
    await claim(hash, elsewhere, { asset: 'eth', payer, amountBaseUnits: value })
    await chain.mine(6)
    await neverCredited(hash)
    // First it follows the transaction to its own block, then it is judged there.
    expect(await recorded(hash, ['held'])).toMatchObject([notSeen])
    expect(await entriesOf(hash)).toEqual([])
  })

  // The claim names a block that stands, and receipts say otherwise: an RPC that contradicts itself is asked again.
  it('and in the block before waits for ever and is never credited', async () => {
    const { hash, payer, value } = await delegateCall()
    const { number } = await chain.head()
    const before = { number: number - 1n, hash: await hashAt(number - 1n) }
    await claim(hash, before, { asset: 'eth', payer, amountBaseUnits: value })
    await chain.mine(6)
    expect(await neverCredited(hash)).toBe('pending')
  })

  it('for a transaction that no chain knows waits for ever and is never credited', async () => {
    const hash: Hash = `0x${'ab'.repeat(32)}`
    const block = await chain.mine()
    await claim(hash, block, { asset: 'eth', payer: attacker, amountBaseUnits: parseEther('5') })
    await chain.mine(5)
    expect(await neverCredited(hash)).toBe('pending')
  })
})

describe('a real payment that the indexer tells wrongly', () => {
  it('too large: what the chain says is credited', async () => {
    const payer = await fresh()
    const block = await chain.mineWith(chain.transferToken({ token: usdc, from: payer, amount: 1_000_000n }))
    const hash = block.hashes[0] as Hash
    await claim(hash, block, { asset: 'usdc', payer, amountBaseUnits: 10n ** 15n })
    await chain.mine(5)
    expect(await recorded(hash, ['credited'])).toMatchObject([{ amount: '1000000' }])
    expect(await entriesOf(hash)).toEqual([{ account: payer, micros: '3600000000' }])
  })

  it('too small: what the chain says is credited', async () => {
    const payer = await fresh()
    const block = await chain.mineWith(chain.transferEth({ from: payer, value: parseEther('0.001') }))
    const hash = block.hashes[0] as Hash
    await claim(hash, block, { asset: 'eth', payer, amountBaseUnits: 1n })
    await chain.mine(5)
    expect(await recorded(hash, ['credited'])).toMatchObject([{ amount: '1000000000000000' }])
    expect(await entriesOf(hash)).toEqual([{ account: payer, micros: '7200000000' }])
  })

  it('by another payer, or on another rail: only the payer is credited, on the rail that was paid', async () => {
    const payer = await fresh()
    const amountBaseUnits = parseUnits('5', 6)
    const block = await chain.mineWith(
      chain.transferToken({ token: usdc, from: payer, amount: amountBaseUnits }),
    )
    const hash = block.hashes[0] as Hash
    await claim(hash, block, { asset: 'usdc', payer: attacker, amountBaseUnits })
    await claim(hash, block, { asset: 'axgt', payer, amountBaseUnits })
    await claim(hash, block, { asset: 'eth', payer, amountBaseUnits })
    await claim(hash, block, { asset: 'usdc', payer, amountBaseUnits })
    await chain.mine(5)
    const rows = await recorded(hash, ['credited', 'held'])
    expect(rows.filter(({ state }) => state === 'credited')).toMatchObject([{ payer, rail: 'usdc:31337' }])
    expect(rows.filter(({ state }) => state === 'held')).toMatchObject([notSeen, notSeen, notSeen])
    expect(await entriesOf(hash)).toEqual([{ account: payer, micros: '18000000000' }])
  })
})

test('the books of all this are in order, and nobody but the payers has an account', async () => {
  expect((await verifyBooks(database.sql)).differences).toBe(0)
  const accounts = await database.sql<{ address: string }[]>`
    select address from credits.account where balance_micros <> 0`
  expect(new Set(accounts.map(({ address }) => address))).toEqual(payers)
  expect(service.logs()).not.toContain('a pass of the gate failed')
})

const payers = new Set<string>()

async function fresh(): Promise<Address> {
  const address = privateKeyToAddress(generatePrivateKey()).toLowerCase() as Address
  await chain.client.setBalance({ address, value: parseEther('10') })
  await chain.client.impersonateAccount({ address })
  await chain.mineWith(chain.mintToken(usdc, address, parseUnits('1000', 6)))
  payers.add(address)
  return address
}

async function hashAt(blockNumber: bigint): Promise<Hash> {
  return (await chain.client.getBlock({ blockNumber })).hash
}

async function delegateCall() {
  const contract = await chain.deploy('DelegateCaller')
  const value = parseEther('5')
  const args = [wallet]
  const { hashes } = await chain.mineWith(chain.call({ contract, functionName: 'delegateCall', args, value }))
  return { hash: hashes[0] as Hash, payer: contract.address, value }
}

/** Sees a payment after it credited, lets the gate make whole passes, and says what became of the claim. */
async function neverCredited(hash: Hash): Promise<string | undefined> {
  const payer = await fresh()
  const block = await chain.mineWith(chain.transferEth({ from: payer, value: parseEther('0.0005') }))
  const control = block.hashes[0] as Hash
  await claim(control, block, { asset: 'eth', payer, amountBaseUnits: 1n })
  await chain.mine(5)
  await recorded(control, ['credited'])
  await waitForPass({ chain, database })
  expect(await entriesOf(hash)).toEqual([])
  const [row] = await recorded(hash, ['pending', 'orphaned', 'credited', 'held'])
  return row?.state
}

import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// The whole service, started above blocks in which people have paid already; later started again below them. The tests
// are steps of this one story and run in order.

let chain: TestChain
let database: TestDatabase
let service: Service
let settings: ServiceSettings
let usdc: TestToken
let axgt: TestToken

let early: Address
let earlyEth: Hash
let earlyUsdc: Hash
/** Paid before the start block as well, and never submitted. */
let silent: Address

const sixtyMinutes = parseEther('0.0005')
const bound = (what: string) => ({ withinMs: 30_000, what })

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  ;({ usdc, axgt } = await chain.deployTokens())
  ;[early, silent] = [await newPayer(), await newPayer()]
  await chain.mineWith(chain.mintToken(usdc, early, parseUnits('10', 6)))
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: early, value: sixtyMinutes }),
    chain.transferToken({ token: usdc, from: early, amount: parseUnits('3', 6) }),
    chain.transferEth({ from: silent, value: sixtyMinutes }),
  )
  ;[earlyEth, earlyUsdc] = hashes as [Hash, Hash, Hash]
  const { number } = await chain.mine(10)
  settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: { usdc, axgt } },
    overrides: { [`START_BLOCK_${chain.chainId}`]: String(number) },
  })
  service = await startService(settings)
})

afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await chain?.stop()
})

async function newPayer(): Promise<Address> {
  const address = privateKeyToAddress(generatePrivateKey()).toLowerCase() as Address
  await chain.client.setBalance({ address, value: parseEther('1000') })
  await chain.client.impersonateAccount({ address })
  return address
}

const submit = (txHash: Hash) => service.request('/v1/deposits', { json: { txHash } })

async function entriesOf(account: string): Promise<bigint[]> {
  const rows = await database.sql<{ micros: bigint }[]>`
    select micros from credits.ledger_entry where account = ${account} order by id`
  return rows.map(({ micros }) => micros)
}

async function eventsOf(account: string): Promise<string[]> {
  const rows = await database.sql<{ kind: string }[]>`
    select kind from credits.outbox_event where account = ${account} order by id`
  return rows.map(({ kind }) => kind)
}

/** Pays, mines to 6 confirmations and waits until the service has credited it by itself. */
async function creditControl(): Promise<void> {
  const payer = await newPayer()
  await chain.mineWith(chain.transferEth({ from: payer, value: sixtyMinutes }))
  await chain.mine(5)
  await waitUntil(async () => (await entriesOf(payer)).length === 1, bound('the control to be credited'))
}

test('what was paid before the start block is not found by itself', async () => {
  await creditControl()
  expect(
    await database.sql`select 1 from credits.deposit where payer in ${database.sql([early, silent])}`,
  ).toEqual([])
})

test('submitted, it is credited at once, and once', async () => {
  const first = await submit(earlyEth)
  expect(first).toMatchObject({
    status: 200,
    body: { outcome: 'settled', deposits: [{ payer: early, state: 'credited', creditMinutes: '60' }] },
  })
  expect((await submit(earlyEth)).status).toBe(200)
  expect(await submit(earlyUsdc)).toMatchObject({
    status: 200,
    body: { deposits: [{ payer: early, creditMinutes: '180' }] },
  })
  expect(await entriesOf(early)).toEqual([3_600_000_000n, 10_800_000_000n])
})

test('AXGT bought or sold in the five blocks after a payment that finds its own way changes nothing', async () => {
  const [buysLater, sellsLater] = [await newPayer(), await newPayer()]
  const hoard = parseUnits('100000', 18)
  await chain.mineWith(chain.mintToken(axgt, sellsLater, hoard))
  await chain.mineWith(
    chain.transferEth({ from: buysLater, value: sixtyMinutes }),
    chain.transferEth({ from: sellsLater, value: parseEther('0.000375') }),
  )
  await chain.mineWith(
    chain.mintToken(axgt, buysLater, hoard),
    chain.transferToken({ token: axgt, from: sellsLater, to: chain.accounts.other, amount: hoard }),
  )
  await chain.mine(4)
  for (const payer of [buysLater, sellsLater]) {
    await waitUntil(async () => (await entriesOf(payer)).length > 0, bound('the credit'))
    expect(await entriesOf(payer)).toEqual([3_600_000_000n])
  }
})

test('started again below those blocks, the index shows the payments and adds nothing to what was submitted', async () => {
  const events = await eventsOf(early)
  expect(events).toHaveLength(4)
  await service.stop()
  service = await startService({ ...settings, [`START_BLOCK_${chain.chainId}`]: '0' })
  // The unsubmitted payment of the very same block is found now, so the index was read from there on.
  await waitUntil(async () => (await entriesOf(silent)).length > 0, bound('the payment nobody submitted'))
  const [indexed] = await database.sql<{ count: bigint }[]>`
    select count(*) as count from indexer.transfer where payer = ${early}`
  expect(indexed?.count).toBe(2n)
  await creditControl()
  expect(await submit(earlyEth)).toMatchObject({ status: 200, body: { outcome: 'settled' } })
  expect(await entriesOf(early)).toEqual([3_600_000_000n, 10_800_000_000n])
  expect(await eventsOf(early)).toEqual(events)
  expect(await entriesOf(silent)).toEqual([3_600_000_000n])
  const balance = await service.request(`/v1/accounts/${early}/balance`, { key: service.serviceKey })
  expect(balance.body).toMatchObject({ balanceMinutes: '240' })
})

test('the books are clean after all of that', async () => {
  expect((await verifyBooks(database.sql)).differences).toBe(0)
})

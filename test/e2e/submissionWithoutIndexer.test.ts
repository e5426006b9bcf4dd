import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { VerificationStep } from '../../billing/verify/differences.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// An API and a worker over one database, and never an indexer: what is credited here came from a submission alone. The
// API has an RPC proxy to itself, so every call that a request costs can be counted.

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let api: Service
let worker: Service
let usdc: TestToken
let axgt: TestToken

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  proxy = await createRpcProxy(chain.rpcUrl)
  ;({ usdc, axgt } = await chain.deployTokens())
  const common = {
    chains: [chain] as [TestChain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: { usdc, axgt } },
  }
  const [ofApi, ofWorker] = await Promise.all([
    baseSettings({ ...common, rpcUrls: { [chain.chainId]: proxy.url } }),
    baseSettings(common),
  ])
  ;[api, worker] = await Promise.all([
    startService(ofApi, { args: ['--role', 'api'], readyWithinMs: null }),
    startService(ofWorker, { args: ['--role', 'worker'], readyWithinMs: null }),
  ])
  await waitUntil(async () => (await api.request('/health/live')).status === 200, {
    withinMs: 60_000,
    what: 'the API to serve',
  })
  await waitUntil(() => worker.logs().includes('this worker gates'), {
    withinMs: 60_000,
    what: 'the worker to gate',
  })
})

afterAll(async () => {
  await Promise.all([api?.stop(), worker?.stop()])
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
})

const bound = (what: string) => ({ withinMs: 30_000, what })

interface Transaction {
  outcome: string
  deposits: Record<string, unknown>[]
}

function submit(txHash: unknown, more: Record<string, unknown> = {}) {
  return api.request('/v1/deposits', { json: { txHash, ...more } })
}

async function newPayer(): Promise<Address> {
  const address = privateKeyToAddress(generatePrivateKey()).toLowerCase() as Address
  await chain.client.setBalance({ address, value: parseEther('1000') })
  await chain.client.impersonateAccount({ address })
  return address
}

async function entriesOf(account: string) {
  return database.sql<{ kind: string; micros: bigint; reference: string }[]>`
    select kind, micros, reference from credits.ledger_entry where account = ${account} order by id`
}

async function eventsOf(account: string): Promise<string[]> {
  const rows = await database.sql<{ kind: string }[]>`
    select kind from credits.outbox_event where account = ${account} order by id`
  return rows.map(({ kind }) => kind)
}

async function balanceOf(account: string): Promise<unknown> {
  const { body } = await api.request(`/v1/accounts/${account}/balance`, { key: api.serviceKey })
  return (body as { balanceMinutes: string }).balanceMinutes
}

async function stateOf(txHash: Hash): Promise<string | undefined> {
  const [row] = await database.sql<{ state: string }[]>`
    select state from credits.deposit where tx_hash = ${txHash}`
  return row?.state
}

const sixtyMinutes = parseEther('0.0005')

test('a pending payment answers 202 with its confirmations, a credited one 200 with the same deposit for ever', async () => {
  const payer = await newPayer()
  const {
    hashes: [txHash],
  } = (await chain.mineWith(chain.transferEth({ from: payer, value: sixtyMinutes }))) as { hashes: [Hash] }
  const seen = await submit(txHash)
  expect(seen.status).toBe(202)
  const id = `${chain.chainId}-${txHash}-eth-${payer}`
  expect(seen.body).toMatchObject({
    txHash,
    outcome: 'pending',
    deposits: [{ id, state: 'pending', confirmations: 1, confirmationsRequired: 6, creditMicros: null }],
  })
  await chain.mine(3)
  await waitUntil(async () => {
    const { status, body } = await submit(txHash)
    return status === 202 && (body as Transaction).deposits[0]?.confirmations === 4
  }, bound('4 confirmations'))
  await chain.mine(2)
  const settled = await submit(txHash)
  expect(settled.status).toBe(200)
  expect(settled.body).toMatchObject({
    txHash,
    outcome: 'settled',
    deposits: [{ id, payer, rail: `eth:${chain.chainId}`, state: 'credited', creditMinutes: '60' }],
  })
  const again = await submit(txHash, { chainId: chain.chainId })
  expect(again.status).toBe(200)
  // Confirmations are counted by the head that the worker wrote down last, which is the same or later.
  const stable = ({ confirmations: _, ...rest }: Record<string, unknown> = {}) => rest
  expect(stable((again.body as Transaction).deposits[0])).toEqual(
    stable((settled.body as Transaction).deposits[0]),
  )
  expect(await entriesOf(payer)).toEqual([
    { kind: 'deposit', micros: 3_600_000_000n, reference: `deposit:${id}:1` },
  ])
  expect(await eventsOf(payer)).toEqual(['deposit.pending', 'deposit.credited'])
})

test("somebody else's hash credits its payer, whatever bearer the submitter shows; who submits gets nothing", async () => {
  const payer = await newPayer()
  await chain.mineWith(chain.mintToken(usdc, payer, parseUnits('5', 6)))
  const { hashes } = await chain.mineWith(
    chain.transferToken({ token: usdc, from: payer, amount: parseUnits('2.5', 6) }),
  )
  await chain.mine(5)
  const before = await database.sql`select 1 from credits.account`
  const answer = await api.request('/v1/deposits', { json: { txHash: hashes[0] }, key: 'not-a-key-at-all' })
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({ deposits: [{ payer, creditMinutes: '150' }] })
  expect(await balanceOf(payer)).toBe('150')
  expect(await database.sql`select 1 from credits.account`).toHaveLength(before.length + 1)
})

test('a payment below the minimum answers 202 with the reason and when it is looked at next', async () => {
  const payer = await newPayer()
  const { hashes } = await chain.mineWith(chain.transferEth({ from: payer, value: sixtyMinutes - 1n }))
  await chain.mine(5)
  const answer = await submit(hashes[0])
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({
    outcome: 'pending',
    deposits: [{ state: 'held', reason: 'below_minimum', retryAt: expect.any(String), creditMicros: null }],
  })
  expect(await entriesOf(payer)).toEqual([])
})

test('a hash handed in while only in the mempool is credited at 6 confirmations and not at 5, with no indexer anywhere', async () => {
  const [payer, control] = [await newPayer(), await newPayer()]
  const controlHash = await chain.transferEth({ from: control, value: sixtyMinutes })
  expect((await submit(controlHash)).status).toBe(202)
  await chain.mine()
  const txHash = await chain.transferEth({ from: payer, value: sixtyMinutes })
  const waiting = await submit(txHash)
  expect(waiting.status).toBe(202)
  expect(waiting.body).toMatchObject({
    outcome: 'pending',
    deposits: [{ payer, state: 'pending', confirmations: 0, blockNumber: null, creditMicros: null }],
  })
  expect(await stateOf(txHash)).toBeUndefined()
  // The worker has looked for it in vain, and must not have forgotten it for that.
  await waitUntil(async () => {
    const [row] = await database.sql<{ again: boolean }[]>`
      select retry_at > submitted_at as again from credits.submitted_transaction where tx_hash = ${txHash}`
    return row?.again
  }, bound('a look at the mempool by the worker'))
  await chain.mine()
  // From here on nobody asks again: the worker must remember by itself.
  await waitUntil(async () => (await stateOf(txHash)) === 'pending', bound('the mined hash to be found'))
  await chain.mine(4)
  await waitUntil(async () => (await stateOf(controlHash)) === 'credited', bound('the control at 6 of 6'))
  expect(await stateOf(txHash)).toBe('pending')
  await chain.mine()
  await waitUntil(async () => (await stateOf(txHash)) === 'credited', bound('the credit at 6 of 6'))
  expect(await entriesOf(payer)).toHaveLength(1)
  expect(await eventsOf(payer)).toEqual(['deposit.pending', 'deposit.credited'])
  expect(
    await database.sql`select 1 from credits.submitted_transaction where tx_hash in ${database.sql([txHash, controlHash])}`,
  ).toEqual([])
})

test('a hash in the mempool that is replaced, or mined as failed, is never credited', async () => {
  const [payer, poor] = [await newPayer(), await newPayer()]
  const replaced = await chain.transferEth({ from: payer, value: sixtyMinutes })
  const failing = await chain.transferToken({ token: usdc, from: poor, amount: parseUnits('1', 6) })
  expect((await submit(replaced)).status).toBe(202)
  expect((await submit(failing)).status).toBe(202)
  const replacement = await chain.replace(replaced)
  await chain.mineWith(replacement, failing)
  const control = await newPayer()
  const { hashes } = await chain.mineWith(chain.transferEth({ from: control, value: sixtyMinutes }))
  expect((await submit(hashes[0])).status).toBe(202)
  await chain.mine(5)
  await waitUntil(async () => (await stateOf(hashes[0] as Hash)) === 'credited', bound('the control'))
  expect(await submit(replaced)).toMatchObject({ status: 404, body: { code: 'transaction_not_found' } })
  expect(await submit(failing)).toMatchObject({ status: 422, body: { code: 'transaction_failed' } })
  expect(await submit(replacement)).toMatchObject({ status: 422, body: { code: 'no_qualifying_transfer' } })
  for (const account of [payer, poor]) {
    expect(await entriesOf(account)).toEqual([])
    expect(await eventsOf(account)).toEqual([])
  }
})

test('what is not 0x and 64 lower-case hex digits is 422 and costs no RPC call; an unknown hash is 404', async () => {
  const digits = 'ab'.repeat(32)
  const malformed = [
    `0x${digits}c`,
    `0x${digits.slice(1)}`,
    `0x${digits.toUpperCase()}`,
    `0X${digits}`,
    digits,
    ` 0x${digits}`,
    `0x${digits} `,
    `0x${digits}\n`,
    `0x${'g'.repeat(64)}`,
    `0x${'٠'.repeat(64)}`,
    '',
    7,
    null,
    true,
    [`0x${digits}`],
    { hash: `0x${digits}` },
    undefined,
  ]
  proxy.resetCalls()
  for (const txHash of malformed) {
    const { status, body } = await submit(txHash)
    expect({ txHash, status, code: (body as { code: string }).code }).toEqual({
      txHash,
      status: 422,
      code: 'invalid_request',
    })
  }
  for (const chainId of [0, -1, 1.5, '31337', null, 1, 2 ** 53, [chain.chainId]]) {
    expect((await submit(`0x${digits}`, { chainId })).status).toBe(422)
  }
  expect((await submit(`0x${digits}`, { surplus: 1 })).status).toBe(422)
  expect(proxy.totalCalls()).toBe(0)
  expect(await submit(`0x${digits}`)).toMatchObject({ status: 404, body: { code: 'transaction_not_found' } })
  expect(proxy.totalCalls()).toBeGreaterThan(0)
})

test('50 clients with one hash at once: one credit, and the RPC calls of one verification', async () => {
  const [alone, together] = [await newPayer(), await newPayer()]
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: alone, value: sixtyMinutes }),
    chain.transferEth({ from: together, value: sixtyMinutes }),
  )
  const [one, shared] = hashes as [Hash, Hash]
  const gate = worker.pids().billing
  if (gate === undefined) throw new Error('the worker is gone')
  // Held still, or it could credit between recording and proving, and the API would ask the less.
  process.kill(gate, 'SIGSTOP')
  try {
    await chain.mine(5)
    proxy.resetCalls()
    expect((await submit(one)).status).toBe(200)
    const costOfOne = Object.fromEntries(proxy.calls)
    proxy.resetCalls()
    const answers = await Promise.all(Array.from({ length: 50 }, () => submit(shared)))
    expect(Object.fromEntries(proxy.calls)).toEqual(costOfOne)
    for (const { status, body } of answers) {
      expect(status).toBe(200)
      expect(body).toMatchObject({ deposits: [{ payer: together, state: 'credited', creditMinutes: '60' }] })
    }
  } finally {
    process.kill(gate, 'SIGCONT')
  }
  expect(await entriesOf(together)).toHaveLength(1)
  expect(await eventsOf(together)).toEqual(['deposit.pending', 'deposit.credited'])
  proxy.resetCalls()
  expect((await submit(shared)).status).toBe(200)
  expect(proxy.totalCalls()).toBe(0)
})

test('AXGT bought or sold after the payment, before it is verified, changes nothing; in its block it counts', async () => {
  const [buysLater, sellsLater, buysAtOnce] = [await newPayer(), await newPayer(), await newPayer()]
  const hoard = parseUnits('100000', 18)
  await chain.mineWith(chain.mintToken(axgt, sellsLater, hoard))
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: buysLater, value: sixtyMinutes }),
    chain.transferEth({ from: sellsLater, value: parseEther('0.000375') }),
    chain.transferEth({ from: buysAtOnce, value: parseEther('0.000375') }),
    chain.mintToken(axgt, buysAtOnce, hoard),
  )
  const other = chain.accounts.other
  await chain.mineWith(
    chain.mintToken(axgt, buysLater, hoard),
    chain.transferToken({ token: axgt, from: sellsLater, to: other, amount: hoard }),
  )
  await chain.mine(4)
  for (const txHash of hashes.slice(0, 3)) {
    expect(await submit(txHash)).toMatchObject({ status: 200, body: { deposits: [{ creditMinutes: '60' }] } })
  }
  const tiers = await database.sql<{ payer: string; tier: string; balance: string }[]>`
    select d.payer, c.quote->'tier'->>'index' as tier, c.quote->>'axgtBalance' as balance
    from credits.deposit_credit c join credits.deposit d on d.id = c.deposit_id
    where d.payer in ${database.sql([buysLater, sellsLater, buysAtOnce])}`
  expect(Object.fromEntries(tiers.map(({ payer, tier, balance }) => [payer, [tier, balance]]))).toEqual({
    [buysLater]: ['0', '0'],
    [sellsLater]: ['4', hoard.toString()],
    [buysAtOnce]: ['4', hoard.toString()],
  })
})

test('the books are clean after all of that', async () => {
  const steps: VerificationStep[] = []
  const { differences, checked } = await verifyBooks(database.sql, (step) => steps.push(step))
  expect(steps.filter(({ kind }) => kind === 'difference')).toEqual([])
  expect(differences).toBe(0)
  expect(checked.deposits).toBeGreaterThan(5n)
})

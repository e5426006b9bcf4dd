import { type Address, type Hash, type Hex, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Everything that moves one account, at the same moment: credits, reversals, second credits, the operator's adjustments
// and manual submissions.

let chain: TestChain
let database: TestDatabase
let service: Service
let usdc: TestToken
let spender: TestContract
let account: Address

const bound = (what: string) => ({ withinMs: 30_000, what })
const MINUTE = 60_000_000n
const REMOVED = 20
const KEPT = 15
const ADJUSTMENTS = 120

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  usdc = await chain.deployToken('USDC', 6)
  spender = await chain.deploy('TokenSpender')
  // One of the chain's own accounts: a transaction of an impersonated one has no signature to be included again by.
  account = chain.accounts.buyer
  const allowance = parseUnits('1000000', 6)
  await chain.mineWith(
    chain.mintToken(usdc, account, allowance),
    chain.call({
      from: account,
      contract: usdc,
      functionName: 'approve',
      args: [spender.address, allowance],
      gas: 100_000n,
    }),
  )
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: { usdc } },
  })
  service = await startService(settings)
})

afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await chain?.stop()
})

/** Paid out of the account's allowance by somebody else: it does not hang on the account's own transactions. */
function spend(wholeUsdc: number): Promise<Hash> {
  return chain.call({
    from: chain.accounts.relayer,
    contract: spender,
    functionName: 'spend',
    args: [usdc.address, account, chain.accounts.revenue, parseUnits(String(wholeUsdc), 6)],
    gas: 200_000n,
  })
}

async function countStates(hashes: Hash[]): Promise<Record<string, number>> {
  const rows = await database.sql<{ state: string; count: bigint }[]>`
    select state, count(*) as count from credits.deposit
    where tx_hash in ${database.sql(hashes)} group by state`
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]))
}

async function allAre(state: string, hashes: Hash[]): Promise<void> {
  await waitUntil(
    async () => (await countStates(hashes))[state] === hashes.length,
    bound(`${hashes.length} deposits to be ${state}`),
  )
}

interface Adjusted {
  entry: { id: string; micros: string }
  balanceMicros: string
}

/** Now up, now down, by whole and by fractional minutes; the second of each pair repeats the first one's key. */
async function adjust(index: number): Promise<Adjusted> {
  const { status, body } = await service.request('/v1/admin/adjustments', {
    json: { wallet: account, minutes: minutesOf(index), reason: 'at the same moment' },
    key: service.adminKey,
    headers: { 'Idempotency-Key': `adjustment-${index}` },
  })
  expect(status).toBe(200)
  return body as Adjusted
}

const minutesOf = (index: number) => (index % 3 === 0 ? `-${index + 1}.5` : `${index}.000001`)
const adjustmentMicros = (index: number) =>
  index % 3 === 0
    ? -(BigInt(index + 1) * MINUTE + MINUTE / 2n)
    : BigInt(index) * MINUTE + 1n * (MINUTE / 1_000_000n)

test('credits, reversals, second credits, adjustments and submissions at once on one account: the balance is their sum', async () => {
  const removed = (await chain.mineWith(...Array.from({ length: REMOVED }, (_, index) => spend(index + 1))))
    .hashes
  await chain.mine(5)
  await allAre('credited', removed)
  const rawRemoved: Hex[] = await Promise.all(removed.map((hash) => chain.rawTransaction(hash)))

  const kept = (
    await chain.mineWith(
      ...Array.from({ length: KEPT }, (_, index) =>
        chain.transferEth({ from: account, value: parseEther('0.0005') * BigInt(index + 1) }),
      ),
    )
  ).hashes
  await chain.mine(2)
  await allAre('pending', kept)
  const rawKept = await Promise.all(kept.map((hash) => chain.rawTransaction(hash)))

  // One reorg takes the first payments back and puts the second ones seven blocks deep.
  const [, answers] = await Promise.all([
    chain.reorg(
      9,
      rawKept.map((raw) => ({ raw, atBlock: 2 })),
    ),
    Promise.all(Array.from({ length: 2 * ADJUSTMENTS }, (_, twice) => adjust(Math.floor(twice / 2)))),
    Promise.all(kept.map((txHash) => service.request('/v1/deposits', { json: { txHash } }))),
  ])
  await allAre('credited', kept)
  await allAre('reversed', removed)

  // Half of what was removed comes back, again beside adjustments.
  const returning = rawRemoved.slice(0, REMOVED / 2)
  const back: Hash[] = []
  for (const raw of returning) back.push(await chain.resend(raw))
  await chain.mine(6)
  const [more] = await Promise.all([
    Promise.all(Array.from({ length: 30 }, (_, index) => adjust(ADJUSTMENTS + index))),
    Promise.all(back.map((txHash) => service.request('/v1/deposits', { json: { txHash } }))),
  ])
  await allAre('credited', back)

  await expectEntries(removed, kept, back)
  const expected = expectedBalance()
  const answered = await service.request(`/v1/accounts/${account}/balance`, { key: service.serviceKey })
  expect(answered.body).toMatchObject({ balanceMicros: expected.toString() })
  const [sum] = await database.sql<{ sum: bigint; balance: bigint }[]>`
    select (select sum(micros)::bigint from credits.ledger_entry where account = a.address) as sum,
      balance_micros as balance
    from credits.account a where address = ${account}`
  expect(sum).toEqual({ sum: expected, balance: expected })
  await expectRunningBalances([...answers, ...more])
}, 400_000)

function expectedBalance(): bigint {
  const usdcMinutes = (count: number) => (60n * BigInt(count) * BigInt(count + 1)) / 2n
  const ether = (60n * BigInt(KEPT) * BigInt(KEPT + 1)) / 2n
  let micros = (usdcMinutes(REMOVED / 2) + ether) * MINUTE
  for (let index = 0; index < ADJUSTMENTS + 30; index++) micros += adjustmentMicros(index)
  return micros
}

async function expectEntries(removed: Hash[], kept: Hash[], back: Hash[]): Promise<void> {
  const entries = await database.sql<{ kind: string; hash: string | null; count: bigint; micros: bigint }[]>`
    select kind, details->>'txHash' as hash, count(*) as count, sum(micros)::bigint as micros
    from credits.ledger_entry where account = ${account} group by 1, 2`
  const counts = (kind: string) =>
    Object.fromEntries(
      entries.filter((entry) => entry.kind === kind).map(({ hash, count }) => [hash, Number(count)]),
    )
  const each = (hashes: Hash[], count: number) => Object.fromEntries(hashes.map((hash) => [hash, count]))
  expect(counts('deposit')).toEqual({ ...each(removed, 1), ...each(kept, 1), ...each(back, 2) })
  expect(counts('deposit_reversal')).toEqual(each(removed, 1))
  expect(Object.values(counts('adjustment'))).toEqual([ADJUSTMENTS + 30])
  const events = await database.sql<{ kind: string; count: bigint }[]>`
    select kind, count(*) as count from credits.outbox_event where account = ${account} group by kind`
  const told = Object.fromEntries(events.map(({ kind, count }) => [kind, Number(count)]))
  expect(told).toMatchObject({
    'deposit.credited': removed.length + kept.length + back.length,
    'deposit.reversed': removed.length,
  })
}

/** The balance each adjustment answered is the one right after its own entry, and a repetition answered the same. */
async function expectRunningBalances(answers: Adjusted[]): Promise<void> {
  const rows = await database.sql<{ id: string; running: string }[]>`
    select id::text, (sum(micros) over (order by id))::text as running from credits.ledger_entry
    where account = ${account}`
  const running = new Map(rows.map(({ id, running }) => [id, running]))
  expect(answers.map(({ entry, balanceMicros }) => [entry.id, balanceMicros])).toEqual(
    answers.map(({ entry }) => [entry.id, running.get(entry.id)]),
  )
}

test('the books are clean after all of that', async () => {
  expect((await verifyBooks(database.sql)).differences).toBe(0)
})

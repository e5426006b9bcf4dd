import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Two workers and an API over one database. Each worker has an RPC proxy to itself, which shows whether it gates: a
// worker that stands by asks nothing. Payments come in by submission, so no indexer is needed.

interface Worker {
  service: Service
  proxy: RpcProxy
}

let chain: TestChain
let database: TestDatabase
let api: Service
let first: Worker
let second: Worker

const TAKE_OVER_WITHIN_MS = 15_000
const bound = (what: string, withinMs = 30_000) => ({ withinMs, what })

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  const settings = await baseSettings({ chains: [chain], databaseUrl: database.url })
  const [started] = await Promise.all([
    startService(settings, { args: ['--role', 'api'], readyWithinMs: null }),
    startWorker().then((worker) => {
      first = worker
    }),
    startWorker().then((worker) => {
      second = worker
    }),
  ])
  api = started
  await waitUntil(async () => (await api.request('/health/live')).status === 200, bound('the API', 60_000))
  await waitUntil(() => leaders().length > 0, bound('a worker that gates', 60_000))
})

async function startWorker(): Promise<Worker> {
  const proxy = await createRpcProxy(chain.rpcUrl)
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    rpcUrls: { [chain.chainId]: proxy.url },
  })
  const service = await startService(settings, { args: ['--role', 'worker'], readyWithinMs: null })
  return { service, proxy }
}

afterAll(async () => {
  await Promise.all([api?.stop(), first?.service.stop(), second?.service.stop()])
  await Promise.all([first?.proxy.stop(), second?.proxy.stop()])
  await database?.drop()
  await chain?.stop()
})

function timesLeading({ service }: Worker): number {
  return service.logs().split('this worker gates').length - 1
}

const leaders = () => [first, second].filter((worker) => timesLeading(worker) > 0)

/** Sessions that hold the leader's lock, and those that exist to try for it. */
async function lockHolders(): Promise<number[]> {
  const rows = await database.sql<{ pid: number }[]>`
    select a.pid from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and a.application_name = 'billing leader'
      and a.datname = current_database()`
  return rows.map(({ pid }) => pid)
}

/** Pays in a new block and hands the hash in, so that it waits for its confirmations and a worker. */
async function payAndSubmit(): Promise<Hash> {
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
  )
  const [hash] = hashes as [Hash]
  expect((await api.request('/v1/deposits', { json: { txHash: hash } })).status).toBe(202)
  return hash
}

async function credited(hash: Hash, withinMs?: number): Promise<void> {
  await waitUntil(
    async () => {
      const [row] = await database.sql<{ state: string }[]>`
      select state from credits.deposit where tx_hash = ${hash}`
      return row?.state === 'credited'
    },
    bound(`the credit of ${hash}`, withinMs),
  )
}

async function expectCreditedOnce(hash: Hash): Promise<void> {
  const entries = await database.sql<{ kind: string; micros: bigint }[]>`
    select kind, micros from credits.ledger_entry where details->>'txHash' = ${hash}`
  expect(entries).toEqual([{ kind: 'deposit', micros: 3_600_000_000n }])
  const events = await database.sql<{ kind: string }[]>`
    select kind from credits.outbox_event where payload->>'txHash' = ${hash} order by id`
  expect(events.map(({ kind }) => kind)).toEqual(['deposit.pending', 'deposit.credited'])
}

test('of two workers one gates; the other stands by and asks the chain nothing', async () => {
  expect(await lockHolders()).toHaveLength(1)
  const [leader] = leaders()
  const standby = leader === first ? second : first
  // The one that stands by has to be up for its silence to mean something.
  await waitUntil(() => standby.service.pids().billing, bound('the process that stands by'))
  await waitUntil(
    async () => timesLeading(standby) > 0 || (await electing()) > 0,
    bound('its attempts to lead'),
  )
  expect(leaders()).toHaveLength(1)
  standby.proxy.resetCalls()
  leader?.proxy.resetCalls()
  const hash = await payAndSubmit()
  await chain.mine(5)
  await credited(hash)
  await expectCreditedOnce(hash)
  expect(leader?.proxy.totalCalls()).toBeGreaterThan(0)
  expect(standby.proxy.totalCalls()).toBe(0)
})

/** Sessions that were made to try for the leader's lock and did not get it: each lives for a moment. */
async function electing(): Promise<number> {
  const holders = await lockHolders()
  const rows = await database.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where application_name = 'billing leader' and datname = current_database()`
  return rows.filter(({ pid }) => !holders.includes(pid)).length
}

test('the leader’s death by kill −9 brings the other into its place within 15 s; what was waiting is credited once', async () => {
  const [leader] = leaders()
  if (leader === undefined) throw new Error('nobody gates')
  const standby = leader === first ? second : first
  const hash = await payAndSubmit()
  // Its supervisor would start it again within moments: held still, so that the other one has to do it.
  process.kill(leader.service.supervisorPid, 'SIGSTOP')
  try {
    leader.service.kill('billing', 'SIGKILL')
    await chain.mine(5)
    await waitUntil(() => timesLeading(standby) > 0, bound('the other worker to gate', TAKE_OVER_WITHIN_MS))
    await credited(hash)
  } finally {
    process.kill(leader.service.supervisorPid, 'SIGCONT')
  }
  await expectCreditedOnce(hash)
  // The dead one comes back and finds the place taken.
  await waitUntil(() => leader.service.pids().billing, bound('the dead worker to be started again'))
  await waitUntil(async () => (await electing()) > 0, bound('its attempts to lead'))
  expect(timesLeading(leader)).toBe(1)
  expect(await lockHolders()).toHaveLength(1)
  leader.proxy.resetCalls()
  const next = await payAndSubmit()
  await chain.mine(5)
  await credited(next)
  await expectCreditedOnce(next)
  expect(leader.proxy.totalCalls()).toBe(0)
})

test('leaders whose sessions are cut over and over, so that two may believe to lead: every payment is credited once', async () => {
  const hashes: Hash[] = []
  for (let cut = 0; cut < 3; cut++) {
    const before = await waitUntil(
      async () => {
        const [holder] = await lockHolders()
        return holder
      },
      bound('a leader', TAKE_OVER_WITHIN_MS),
    )
    for (let payment = 0; payment < 3; payment++) hashes.push(await payAndSubmit())
    await chain.mine(3)
    await database.sql`select pg_terminate_backend(${before})`
    await chain.mine(2)
    await waitUntil(
      async () => {
        const [holder] = await lockHolders()
        return holder !== undefined && holder !== before
      },
      bound('a new leader', TAKE_OVER_WITHIN_MS),
    )
  }
  await chain.mine(5)
  for (const hash of hashes) {
    await credited(hash)
    await expectCreditedOnce(hash)
  }
  expect(await lockHolders()).toHaveLength(1)
})

test('the books are clean after all of that', async () => {
  expect((await verifyBooks(database.sql)).differences).toBe(0)
})

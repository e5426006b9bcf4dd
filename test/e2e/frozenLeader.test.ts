import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// A leader is frozen (SIGSTOP, a machine that swaps, a paused container) in the middle of the transaction that credits: its
// connections stay open, the rows it wrote stay locked. It is caught there by a trigger that waits for a lock of ours; the
// lock is released once the process stands still, so that its statement ends and its transaction does not.

let chain: TestChain
let database: TestDatabase
let api: Service
let workers: Service[]
/** The one that leads, as far as the tests have seen. */
let leading: Service

const CREDITED_WITHIN_MS = 15_000
const bound = (what: string, withinMs = 30_000) => ({ withinMs, what })
const GATE = 4_711

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  const settings = () => baseSettings({ chains: [chain], databaseUrl: database.url })
  const start = async (role: string) =>
    startService(await settings(), { args: ['--role', role], readyWithinMs: null })
  ;[api, ...workers] = (await Promise.all([start('api'), start('worker'), start('worker')])) as [
    Service,
    Service,
    Service,
  ]
  await waitUntil(async () => (await api.request('/health/live')).status === 200, bound('the API', 60_000))
  leading = await waitUntil(
    () => workers.find((worker) => timesLeading(worker) > 0),
    bound('a worker that gates', 60_000),
  )
  await database.sql`
    create function public.hold() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(4711);
      return new;
    end $$`
  await database.sql`
    create trigger hold after insert on credits.ledger_entry for each row execute function public.hold()`
})

afterAll(async () => {
  await Promise.all([api?.stop(), ...(workers ?? []).map((worker) => worker.stop())])
  await database?.drop()
  await chain?.stop()
})

const timesLeading = (worker: Service) => worker.logs().split('this worker gates').length - 1

async function payAndSubmit(): Promise<Hash> {
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
  )
  const [hash] = hashes as [Hash]
  expect((await api.request('/v1/deposits', { json: { txHash: hash } })).status).toBe(202)
  return hash
}

async function entriesOf(hash: Hash): Promise<bigint[]> {
  const rows = await database.sql<{ micros: bigint }[]>`
    select micros from credits.ledger_entry where details->>'txHash' = ${hash}`
  return rows.map(({ micros }) => micros)
}

const credited = (hash: Hash) =>
  waitUntil(async () => (await entriesOf(hash)).length > 0, { ...bound('the credit'), everyMs: 50 })

/** Stops the leader's billing while a transaction of it has written the entry of a credit and not committed. */
async function freezeInTransaction(worker: Service): Promise<void> {
  const pid = worker.pids().billing
  if (pid === undefined) throw new Error('the leader is away')
  await database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${GATE})`
    await chain.mine(5)
    await waitUntil(async () => {
      const waiting =
        await tx`select 1 from pg_locks where locktype = 'advisory' and objid = ${GATE} and not granted`
      return waiting.length > 0
    }, bound('the crediting transaction to be caught'))
    // Its supervisor is held still too, or it might start another one meanwhile.
    process.kill(worker.supervisorPid, 'SIGSTOP')
    process.kill(pid, 'SIGSTOP')
  })
}

test.each([
  ['its leader session ended from outside', true],
  ['nobody doing anything about it', false],
])(
  'frozen in the middle of crediting, %s: the next leader credits within 15 s, once, also after the frozen one wakes',
  async (_how, endsSession) => {
    const frozen = await waitUntil(async () => {
      const [holder] = await database.sql<{ pid: number }[]>`
      select a.pid from pg_locks l join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and a.application_name = 'billing leader'
        and a.datname = current_database()`
      return holder
    }, bound('a leader')).then(({ pid }) => pid)
    const before = workers.map(timesLeading)
    const who = leading
    const next = workers.find((worker) => worker !== who) as Service
    const hash = await payAndSubmit()
    await freezeInTransaction(who)
    const frozenAt = performance.now()
    const pid = who.pids().billing as number
    try {
      expect(await entriesOf(hash)).toEqual([])
      if (endsSession) await database.sql`select pg_terminate_backend(${frozen})`
      await credited(hash)
      const tookMs = performance.now() - frozenAt
      leading = next
      expect(timesLeading(next)).toBe((before[workers.indexOf(next)] ?? 0) + 1)
      expect(tookMs).toBeLessThan(CREDITED_WITHIN_MS)
    } finally {
      process.kill(pid, 'SIGCONT')
      process.kill(who.supervisorPid, 'SIGCONT')
    }
    await waitUntil(() => who.pids().billing, bound('the frozen one to be there again'))
    const later = await payAndSubmit()
    await chain.mine(5)
    await credited(later)
    await chain.mine(2)
    expect(await entriesOf(hash)).toEqual([3_600_000_000n])
    expect(await entriesOf(later)).toEqual([3_600_000_000n])
  },
)

test('the books are clean after all of that', async () => {
  await database.sql`drop trigger hold on credits.ledger_entry`
  await database.sql`drop function public.hold()`
  expect((await verifyBooks(database.sql)).differences).toBe(0)
})

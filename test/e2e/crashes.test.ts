import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../billing/database/connect.ts'
import type { VerificationStep } from '../../billing/verify/differences.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { removeFolder } from '../../demo/removeFolder.ts'
import { findEmbeddedPostgres } from '../../supervisor/embeddedPostgres.ts'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { listProcesses } from '../support/listProcesses.ts'
import { listProcessesBelow } from '../support/listProcessesBelow.ts'
import { type Service, type ServiceProcess, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// The whole service with its own PostgreSQL. While people pay and the operator adjusts, one of its processes is killed
// at a random moment; afterwards everything that was acknowledged is there, and every payment is credited exactly once.

let chain: TestChain
let service: Service
let settings: ServiceSettings
let dataDir: string

beforeAll(async () => {
  chain = await createChain()
  dataDir = await mkdtemp(join(tmpdir(), 'credits-crashes-'))
  // Run as root, PostgreSQL runs as somebody else, who must get in.
  await chmod(dataDir, 0o755)
  settings = await baseSettings({
    chains: [chain],
    databaseUrl: '',
    overrides: { DATA_DIR: join(dataDir, 'data') },
  })
  service = await startService(settings)
})

afterAll(async () => {
  await service?.stop()
  await chain?.stop()
  if (dataDir) await removeFolder(dataDir)
})

const ROUNDS = 16
const roles = ['buyer', 'holder', 'other'] as const

interface Adjustment {
  key: string
  wallet: string
  minutes: string
  /** The entry's id as it was answered; null when no answer came. */
  acknowledged: string | null
}

interface Load {
  payments: { txHash: Hash; payer: string; micros: bigint }[]
  adjustments: Adjustment[]
}

async function adjust({ key, wallet, minutes }: Adjustment): Promise<string> {
  const { status, body } = await service.request('/v1/admin/adjustments', {
    json: { wallet, minutes, reason: 'load' },
    key: service.adminKey,
    headers: { 'Idempotency-Key': key },
  })
  if (status !== 200) throw new Error(`adjustment answered ${status}`)
  return (body as { entry: { id: string } }).entry.id
}

/** Pays and adjusts round by round, and crashes something at a random moment of a random round. */
async function loadAndCrash(name: string, crash: () => void): Promise<Load> {
  const load: Load = { payments: [], adjustments: [] }
  const crashInRound = 2 + Math.floor(Math.random() * (ROUNDS - 4))
  const crashAfterMs = Math.random() * 200
  console.info(`${name}: killed in round ${crashInRound} of ${ROUNDS}, ${crashAfterMs.toFixed(1)} ms into it`)
  let crashed: Promise<void> = Promise.resolve()
  for (let round = 0; round < ROUNDS; round++) {
    if (round === crashInRound) {
      crashed = new Promise<void>((resolve) => setTimeout(resolve, crashAfterMs)).then(crash)
    }
    const adjustments = roles.map(
      (role, index): Adjustment => ({
        key: `${name}-${round}-${role}`,
        wallet: chain.accounts[role],
        minutes: index === 0 ? '-0.5' : `${round + 1}.25`,
        acknowledged: null,
      }),
    )
    load.adjustments.push(...adjustments)
    const answers = adjustments.map(async (adjustment) => {
      adjustment.acknowledged = await adjust(adjustment).catch(() => null)
    })
    const value = parseEther('0.0005') * BigInt(round + 1)
    const { hashes } = await chain.mineWith(
      ...roles.map((role) => chain.transferEth({ from: chain.accounts[role], value })),
    )
    const micros = 3_600_000_000n * BigInt(round + 1)
    load.payments.push(
      ...hashes.map((txHash, index) => ({
        txHash,
        payer: chain.accounts[roles[index] ?? 'buyer'],
        micros,
      })),
    )
    await Promise.all(answers)
    if (round > crashInRound) await crashed
  }
  await crashed
  await chain.mine(5)
  // Some must have been answered, or nothing acknowledged was put to the test.
  expect(load.adjustments.filter(({ acknowledged }) => acknowledged !== null)).not.toEqual([])
  return load
}

/** The service's own database, found and opened as it is after the crash. */
async function withDatabase<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
  const url = await waitUntil(() => findEmbeddedPostgres(join(dataDir, 'data')), {
    withinMs: 30_000,
    what: 'the embedded PostgreSQL',
  })
  const sql = connect(url, { max: 2, applicationName: 'test' })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Waits until all is credited, asks again for what was not acknowledged, and compares everything to the entry. */
async function expectAllThereOnce({ payments, adjustments }: Load): Promise<void> {
  await waitUntil(async () => (await service.request('/health/ready')).status === 200, {
    withinMs: 60_000,
    what: 'the service to be ready again',
  })
  for (const adjustment of adjustments) {
    const id = await waitUntil(() => adjust(adjustment), {
      withinMs: 30_000,
      what: `the repeated adjustment ${adjustment.key}`,
    })
    // The same answer as before the crash: what was acknowledged then is this very entry.
    if (adjustment.acknowledged !== null) expect(id).toBe(adjustment.acknowledged)
    adjustment.acknowledged = id
  }
  await withDatabase(async (sql) => {
    const hashes = payments.map(({ txHash }) => txHash)
    await waitUntil(
      async () => {
        const [row] = await sql<{ count: bigint }[]>`
          select count(*) as count from credits.deposit where tx_hash in ${sql(hashes)} and state = 'credited'`
        return row?.count === BigInt(payments.length)
      },
      { withinMs: 60_000, what: 'every payment to be credited' },
    )
    const entries = await sql<{ txHash: string; payer: string; micros: bigint }[]>`
      select details->>'txHash' as "txHash", account as payer, micros from credits.ledger_entry
      where kind = 'deposit' and details->>'txHash' in ${sql(hashes)}`
    const byHash = (a: { txHash: string }, b: { txHash: string }) => (a.txHash < b.txHash ? -1 : 1)
    expect([...entries].sort(byHash)).toEqual([...payments].sort(byHash))
    const events = await sql<{ kind: string; txHash: string; count: bigint }[]>`
      select kind, payload->>'txHash' as "txHash", count(*) as count from credits.outbox_event
      where payload->>'txHash' in ${sql(hashes)} group by 1, 2`
    expect(events).toHaveLength(2 * payments.length)
    expect(new Set(events.map(({ kind, count }) => `${kind} ${count}`))).toEqual(
      new Set(['deposit.pending 1', 'deposit.credited 1']),
    )
    const posted = await sql<{ key: string; id: string }[]>`
      select substr(reference, length('adjustment:') + 1) as key, id::text as id from credits.ledger_entry
      where reference in ${sql(adjustments.map(({ key }) => `adjustment:${key}`))}`
    expect(Object.fromEntries(posted.map(({ key, id }) => [key, id]))).toEqual(
      Object.fromEntries(adjustments.map(({ key, acknowledged }) => [key, acknowledged])),
    )
    await expectCleanBooks(sql)
  })
}

async function expectCleanBooks(sql: Sql): Promise<void> {
  const steps: VerificationStep[] = []
  await verifyBooks(sql, (step) => steps.push(step))
  expect(steps.filter(({ kind }) => kind === 'difference')).toEqual([])
}

for (const victim of ['billing', 'indexer', 'postgres'] satisfies ServiceProcess[]) {
  test(`kill −9 of ${victim} at a random moment of a load: nothing acknowledged is lost, every payment is credited once`, async () => {
    const before = service.pids()[victim]
    const load = await loadAndCrash(victim, () => service.kill(victim, 'SIGKILL'))
    await expectAllThereOnce(load)
    const after = service.pids()[victim]
    expect(after).toBeDefined()
    expect(after).not.toBe(before)
  }, 400_000)
}

test('kill −9 of the supervisor ends everything beneath it, and the next start goes on where it was', async () => {
  const below = listProcessesBelow(service.supervisorPid)
  expect(below.length).toBeGreaterThan(2)
  const load = await loadAndCrash('supervisor', () => service.kill('supervisor', 'SIGKILL'))
  await waitUntil(
    () => {
      const alive = listProcesses()
      return below.every(({ pid, command }) => !alive.some((it) => it.pid === pid && it.command === command))
    },
    { withinMs: 30_000, what: 'the end of every process' },
  )
  await service.stop()
  service = await startService(settings)
  await expectAllThereOnce(load)
}, 400_000)

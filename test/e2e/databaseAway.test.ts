import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Sql } from '../../billing/database/connect.ts'
import { migrate } from '../../billing/database/migrate.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { removeFolder } from '../../demo/removeFolder.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../supervisor/embeddedPostgres.ts'
import { freePort } from '../../supervisor/freePort.ts'
import { locateNativeFolder } from '../../supervisor/postgres/locateNativeFolder.ts'
import { serverAccount } from '../../supervisor/postgres/serverAccount.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTcpProxy, type TcpProxy } from '../support/createTcpProxy.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// A primary and a standby of ours, and one address that leads to one of them. Somebody writes all the time and repeats what is
// not acknowledged. Whatever happens to the database: no answer but 200 and 503, nothing acknowledged is lost, and the service
// is well again by itself, without a restart of its process.

const WALLET = `0x${'cd'.repeat(20)}`
const MICROS_PER_MINUTE = 60_000_000n
const bound = (what: string, withinMs = 40_000) => ({ withinMs, what, everyMs: 100 })

let folder: string
let chain: TestChain
let primary: EmbeddedPostgres
let standby: { url: string; child: ChildProcess }
let proxy: TcpProxy
let service: Service
let writer: Writer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credits-away-'))
  chmodSync(folder, 0o755)
  chain = await createChain()
  const at = (name: string) => join(folder, name)
  primary = await startEmbeddedPostgres({ dataDir: at('primary') })
  await migrate(primary.url)
  await primary.stop()
  // Owners and modes too: the server refuses a folder that others may read.
  execFileSync('cp', ['-a', at('primary'), at('standby')])
  primary = await startEmbeddedPostgres({ dataDir: at('primary') })
  standby = await startStandby(at('standby/postgres/cluster'), primary.url)
  await withSql(primary.url, async (sql) => {
    // What is acknowledged is on both.
    await sql`alter system set synchronous_standby_names = '*'`
    await sql`select pg_reload_conf()`
    await waitUntil(
      async () => (await sql`select 1 from pg_stat_replication where sync_state = 'sync'`).length > 0,
      bound('the standby to follow'),
    )
  })
  proxy = await createTcpProxy(primary.url)
  service = await startService(
    await baseSettings({
      chains: [chain],
      databaseUrl: proxy.through(primary.url),
      overrides: { DATABASE_TIMEOUT_MS: '2000' },
    }),
  )
  writer = startWriter()
}, 400_000)

afterAll(async () => {
  await writer?.stop()
  await service?.stop()
  await proxy?.stop()
  await primary?.stop().catch(() => {})
  standby?.child.kill('SIGINT')
  await chain?.stop()
  spawnSync('umount', [join(folder, 'small')])
  await removeFolder(folder)
})

async function startStandby(
  cluster: string,
  primaryUrl: string,
): Promise<{ url: string; child: ChildProcess }> {
  const account = serverAccount()
  const { port: primaryPort, username, password } = new URL(primaryUrl)
  writeFileSync(join(cluster, 'standby.signal'), '')
  appendFileSync(
    join(cluster, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=127.0.0.1 port=${primaryPort} user=${username} password=${password}'\n`,
  )
  const port = await freePort(0)
  const child = spawn(
    join(locateNativeFolder(account), 'bin', 'postgres'),
    [
      '-D',
      cluster,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'timezone=UTC',
    ],
    { ...account, cwd: cluster, env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const lines: string[] = []
  child.stderr?.on('data', (chunk: Buffer) => lines.push(chunk.toString()))
  process.once('exit', () => child.kill('SIGKILL'))
  const url = new URL(primaryUrl)
  url.port = String(port)
  await waitUntil(() => {
    if (child.exitCode !== null) return true
    return withSql(url.href, async (sql) => (await sql`select 1`).length === 1)
  }, bound('the standby'))
  if (child.exitCode !== null) throw new Error(`the standby did not start: ${lines.join('')}`)
  return { url: url.href, child }
}

async function withSql<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect(url, { max: 1, applicationName: 'test' })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

interface Writer {
  acknowledged: number
  statuses: Set<number>
  last: { status: number; detail: string; retryAfter: string | null }
  stop(): Promise<void>
}

/** Writes one adjustment of a minute after the other, each again and again until it is acknowledged. */
function startWriter(): Writer {
  let isOver = false
  const state: Writer = {
    acknowledged: 0,
    statuses: new Set(),
    last: { status: 0, detail: '', retryAfter: null },
    stop: async () => {
      isOver = true
      await running
    },
  }
  async function run(): Promise<void> {
    while (!isOver) {
      const { status, body, headers } = await service.request('/v1/admin/adjustments', {
        key: service.adminKey,
        headers: { 'Idempotency-Key': `write-${state.acknowledged}` },
        json: { wallet: WALLET, minutes: '1', reason: 'x'.repeat(400) },
      })
      state.statuses.add(status)
      state.last = {
        status,
        detail: (body as { detail?: string }).detail ?? '',
        retryAfter: headers.get('retry-after'),
      }
      if (status === 200) state.acknowledged += 1
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const running = run()
  return state
}

const ready = async () => {
  const { status, body } = await service.request('/health/ready')
  return {
    status,
    database: (body as { checks: { database: { status: string; detail: string } } }).checks.database,
  }
}

/** A write is refused as it should be, and /health/ready says why. */
async function isRefused(database: RegExp): Promise<void> {
  await waitUntil(() => writer.last.status === 503, bound('a write to be refused'))
  expect(Number(writer.last.retryAfter)).toBeGreaterThan(0)
  await waitUntil(
    async () => {
      const seen = await ready()
      if (seen.status === 503 && database.test(seen.database.detail)) return true
      throw new Error(JSON.stringify(seen))
    },
    bound(`ready to say ${database}`),
  )
}

/** The service is well again, in the same process, and holds what it has acknowledged, to the minute. */
async function isWellAgain(url: string, pid: number | undefined): Promise<void> {
  const before = writer.acknowledged
  await waitUntil(() => writer.acknowledged > before + 3, bound('writes to be acknowledged again'))
  await waitUntil(async () => (await ready()).status === 200, bound('ready', 60_000)).catch(
    async (error: Error) => {
      throw new Error(
        `${error.message}\n${JSON.stringify(await service.request('/health/ready'))}\n${service.logs().slice(-4_000)}`,
      )
    },
  )
  expect(service.pids().billing).toBe(pid)
  await withSql(url, async (sql) => {
    const acknowledged = writer.acknowledged
    const [row] = await sql<{ entries: number; micros: bigint }[]>`
      select count(*)::int as entries, sum(micros)::bigint as micros from credits.ledger_entry where account = ${WALLET}`
    // One more may be written and not yet acknowledged.
    expect(row?.entries).toBeGreaterThanOrEqual(acknowledged)
    expect(row?.micros).toBe(BigInt(row?.entries ?? 0) * MICROS_PER_MINUTE)
    const [keys] = await sql<{ kept: number }[]>`
      select count(*)::int as kept from generate_series(0, ${acknowledged - 1}::int) as n
      join credits.adjustment on idempotency_key = 'write-' || n`
    expect(keys?.kept).toBe(acknowledged)
  })
  expect([...writer.statuses].filter((status) => status !== 200 && status !== 503)).toEqual([])
}

async function pay(): Promise<Hash> {
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
  )
  await chain.mine(5)
  return hashes[0] as Hash
}

async function isCreditedOnce(url: string, hash: Hash): Promise<void> {
  await withSql(url, async (sql) => {
    const entries = await waitUntil(
      async () => {
        // The indexer may have failed at the last head, and looks again at the next.
        await chain.mine()
        const found = await sql<{ micros: bigint }[]>`
        select micros from credits.ledger_entry where details->>'txHash' = ${hash}`
        return found.length > 0 && found.map(({ micros }) => micros)
      },
      { ...bound(`the credit of ${hash}`, 60_000), everyMs: 500 },
    )
    expect(entries).toEqual([3_600_000_000n])
  })
}

test('away (every connection reset, new ones refused): 503 with Retry-After, and well again by itself', async () => {
  const { billing } = service.pids()
  proxy.cut()
  await isRefused(/cannot be reached/)
  const hash = await pay()
  proxy.accept()
  await isWellAgain(primary.url, billing)
  await isCreditedOnce(primary.url, hash)
}, 400_000)

test('read-only: reads are answered, writes are 503, ready says so', async () => {
  const { billing } = service.pids()
  const set = (value: 'on' | 'off') =>
    withSql(primary.url, async (sql) => {
      await sql`set default_transaction_read_only = off`
      await sql.unsafe(`alter system set default_transaction_read_only = ${value}`)
      await sql`select pg_reload_conf()`
    })
  await set('on')
  await isRefused(/read-only/)
  expect(writer.last.detail).toMatch(/no writes/)
  const read = await service.request(`/v1/accounts/${WALLET}/balance`, { key: service.serviceKey })
  expect(read.status).toBe(200)
  const hash = await pay()
  await set('off')
  await isWellAgain(primary.url, billing)
  await isCreditedOnce(primary.url, hash)
}, 400_000)

test('failed over: the primary dies, the standby is promoted behind the same address, nothing acknowledged is lost', async () => {
  const { billing } = service.pids()
  process.kill(primary.pid, 'SIGQUIT')
  await isRefused(/cannot be reached/)
  // For a while the address leads to a server that is not promoted yet.
  proxy.leadTo(standby.url)
  await isRefused(/read-only/)
  await withSql(standby.url, (sql) => sql`select pg_promote()`)
  await isWellAgain(standby.url, billing)
  await isCreditedOnce(standby.url, await pay())
}, 400_000)

test('its disk is full: 503 with Retry-After, ready says so, and well again once there is room', async () => {
  const { billing } = service.pids()
  const makeRoom = await fillDisk()
  await isRefused(/disk of the database is full/)
  expect(writer.last.detail).toMatch(/no room/)
  await makeRoom()
  await isWellAgain(standby.url, billing)
}, 400_000)

test('the books are clean after all of that', async () => {
  await writer.stop()
  expect(await withSql(standby.url, async (sql) => (await verifyBooks(sql)).differences)).toBe(0)
})

/**
 * Moves the ledger to a small file system of its own and fills that. Only root may mount one; for everybody else the ledger
 * refuses as PostgreSQL would, with the same error.
 */
async function fillDisk(): Promise<() => Promise<void>> {
  const small = join(folder, 'small')
  mkdirSync(small)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=755', 'tmpfs', small])
  if (mounted.status !== 0) return refuseLikeFullDisk()
  const { uid, gid } = serverAccount()
  const space = join(small, 'space')
  mkdirSync(space)
  if (uid !== undefined && gid !== undefined) chownSync(space, uid, gid)
  await withSql(standby.url, async (sql) => {
    await sql.unsafe(`create tablespace small location '${space}'`)
    await sql`alter table credits.ledger_entry set tablespace small`
    await sql`create table public.filler (text text) tablespace small`
    for (const rows of [1_000, 10, 1]) {
      const fill = () =>
        sql`insert into public.filler select repeat('x', 1800) from generate_series(1, ${rows}::int)`
      while (
        await fill().then(
          () => true,
          () => false,
        )
      );
    }
  })
  return () =>
    withSql(standby.url, async (sql) => {
      await sql`drop table public.filler`
    })
}

async function refuseLikeFullDisk(): Promise<() => Promise<void>> {
  await withSql(standby.url, async (sql) => {
    await sql`
      create function public.full() returns trigger language plpgsql as $$
      begin
        raise exception 'could not extend file: No space left on device' using errcode = '53100';
      end $$`
    await sql`create trigger full_disk before insert on credits.ledger_entry for each row execute function public.full()`
  })
  return () =>
    withSql(standby.url, async (sql) => {
      await sql`drop trigger full_disk on credits.ledger_entry`
      await sql`drop function public.full()`
    })
}

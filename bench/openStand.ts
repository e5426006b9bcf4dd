import { parseSettings } from '../billing/config/parseSettings.ts'
import { connect, type Sql } from '../billing/database/connect.ts'
import { migrate } from '../billing/database/migrate.ts'
import { meterLimits } from '../billing/metering/meterSessions.ts'
import { baseSettings, type SettingsChain } from '../test/support/baseSettings.ts'
import { fillLedger } from './fillLedger.ts'
import { type HeartbeatWays, heartbeatWays } from './heartbeatWays.ts'
import { type MeasuredBilling, startBilling } from './startBilling.ts'
import { startSessions } from './startSessions.ts'

/** The most that a request, and a statement of the service, may take. */
const SESSIONS_PER_BATCH = 1_000
/** Concurrent batches: with one, service and database would wait for each other. */
const BATCH_CALLERS = 2
const SINGLE_CALLERS = 64
/** The same as the service's. */
const DATABASE_CONNECTIONS = 20

/** One database with live sessions, the service on it, and the ways to send heartbeats to it. */
export interface Stand {
  /** Batches over many accounts; one by one over many connections; batches for one account. */
  ways: Record<'batch' | 'single_64' | 'one_account', HeartbeatWays>
  billing: MeasuredBilling
  /** @throws when a session no longer runs, or never had a heartbeat. */
  check(): Promise<void>
  stop(): Promise<void>
}

export interface StandOptions {
  databaseUrl: string
  chain: SettingsChain
  bareUrl: URL
  /** Live sessions, each on its own account: a multiple of 2 000. */
  sessions: number
  /** More than `sessions`, which are spread over all of them. */
  accounts: number
  entriesPerAccount: number
  say: (text: string) => void
}

/** Fills a database, starts sessions and then the billing process on it, and creates the ways to send heartbeats to both. */
export async function openStand(options: StandOptions): Promise<Stand> {
  const { databaseUrl, chain, bareUrl, sessions, accounts, entriesPerAccount, say } = options
  // Silence while others are measured must not end any session.
  const overrides = { HEARTBEAT_TIMEOUT_SECONDS: '86400' }
  const settings = await baseSettings({ chains: [chain], databaseUrl, overrides })
  const parsed = parseSettings(settings, { stdoutIsTerminal: false })
  if (!parsed.ok) throw new Error('the settings of the benchmark are wrong')
  const { config } = parsed
  const limits = meterLimits(config)
  await migrate(databaseUrl)
  const sql = connect(databaseUrl, { max: DATABASE_CONNECTIONS, applicationName: 'bench' })
  await fillLedger(sql, { accounts, entriesPerAccount, say })
  const apart = Math.floor((accounts - 1) / sessions)
  const many = await startSessions(sql, limits, { name: 'many', sessions, firstAccount: 1, apart })
  const one = { name: 'crowd', sessions: SESSIONS_PER_BATCH, firstAccount: 0, apart: 0 }
  const crowd = await startSessions(sql, limits, one)
  // As if already published: publishing is not what this measures.
  await sql`delete from credits.outbox_event`
  await sql`vacuum analyze`
  await sql`checkpoint`
  const billing = await startBilling(settings)
  const serviceUrl = new URL(`http://${config.host}:${config.port}`)
  const targets = { serviceUrl, bareUrl, serviceKey: config.serviceApiKey, sql, limits }
  const toBatch = { pathOf: () => '/v1/heartbeats', bodyOf: (sessionIds: string[]) => ({ sessionIds }) }
  const toOne = { pathOf: ([id]: string[]) => `/v1/sessions/${id}/heartbeat`, bodyOf: () => ({}) }
  const batches = Array.from({ length: sessions / SESSIONS_PER_BATCH }, (_, n) =>
    many.slice(n * SESSIONS_PER_BATCH, (n + 1) * SESSIONS_PER_BATCH),
  )
  const singles = many.map((id) => [id])
  const ways = {
    batch: heartbeatWays(targets, { ...toBatch, callers: BATCH_CALLERS, groups: batches }),
    single_64: heartbeatWays(targets, { ...toOne, callers: SINGLE_CALLERS, groups: singles }),
    one_account: heartbeatWays(targets, { ...toBatch, callers: BATCH_CALLERS, groups: [crowd] }),
  }
  return {
    ways,
    billing,
    check: () => checkSessions(sql, sessions + SESSIONS_PER_BATCH),
    async stop() {
      for (const way of Object.values(ways)) way.close()
      await billing.stop()
      await sql.end({ timeout: 1 })
    },
  }
}

async function checkSessions(sql: Sql, sessions: number): Promise<void> {
  const [row] = await sql<{ running: bigint; heard: bigint }[]>`
    select count(*) as running, count(*) filter (where total_billed_micros > 0) as heard
    from credits.session where state = 'running'`
  if (row?.running !== BigInt(sessions) || row.heard === 0n) {
    throw new Error(`of ${sessions} sessions, ${row?.running} run and ${row?.heard} had a heartbeat`)
  }
}

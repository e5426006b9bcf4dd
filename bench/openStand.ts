import { parseSettings } from '../billing/config/parseSettings.ts'
import { connect, type Sql } from '../billing/database/connect.ts'
import { migrate } from '../billing/database/migrate.ts'
import { meterLimits } from '../billing/metering/meterSessions.ts'
import { baseSettings, type SettingsChain } from '../test/support/baseSettings.ts'
import { fillLedger } from './fillLedger.ts'
import { type HeartbeatWays, heartbeatWays } from './heartbeatWays.ts'
import { type MeasuredBilling, startBilling } from './startBilling.ts'
import { startSessions } from './startSessions.ts'

/** As many as a request may name, and as a statement of the service takes at most. */
const BATCH = 1_000
/** Batches under way at once: with one, service and database would wait for each other. */
const BATCH_CALLERS = 2
const SINGLE_CALLERS = 64
/** As many as the service has. */
const DATABASE_CONNECTIONS = 20

/** One database with live sessions, the service on it, and heartbeats on their ways there. */
export interface Stand {
  /** Batches over many accounts; one by one over many connections; batches for one account. */
  ways: Record<'batch' | 'single_64' | 'one_account', HeartbeatWays>
  billing: MeasuredBilling
  /** @throws when a session does not run any more, or was never heard. */
  check(): Promise<void>
  stop(): Promise<void>
}

export interface StandOptions {
  databaseUrl: string
  chain: SettingsChain
  bareUrl: URL
  /** Live sessions, each on an account of its own: a multiple of 2 000. */
  sessions: number
  /** More than sessions, which are spread over all of them. */
  accounts: number
  entriesPerAccount: number
  say: (text: string) => void
}

/** Fills a database, starts sessions and then the billing process on it, and makes the ways of heartbeats to both. */
export async function openStand(options: StandOptions): Promise<Stand> {
  const { databaseUrl, chain, bareUrl, sessions, accounts, entriesPerAccount, say } = options
  // Silence while others are measured must end nothing.
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
  const one = { name: 'crowd', sessions: BATCH, firstAccount: 0, apart: 0 }
  const crowd = await startSessions(sql, limits, one)
  // Told already, as it were: publishing them is another benchmark's business.
  await sql`delete from credits.outbox_event`
  await sql`vacuum analyze`
  await sql`checkpoint`
  const billing = await startBilling(settings)
  const serviceUrl = new URL(`http://${config.host}:${config.port}`)
  const targets = { serviceUrl, bareUrl, serviceKey: config.serviceApiKey, sql, limits }
  const toBatch = { pathOf: () => '/v1/heartbeats', bodyOf: (sessionIds: string[]) => ({ sessionIds }) }
  const toOne = { pathOf: ([id]: string[]) => `/v1/sessions/${id}/heartbeat`, bodyOf: () => ({}) }
  const batches = Array.from({ length: sessions / BATCH }, (_, n) => many.slice(n * BATCH, (n + 1) * BATCH))
  const singles = many.map((id) => [id])
  const ways = {
    batch: heartbeatWays(targets, { ...toBatch, callers: BATCH_CALLERS, groups: batches }),
    single_64: heartbeatWays(targets, { ...toOne, callers: SINGLE_CALLERS, groups: singles }),
    one_account: heartbeatWays(targets, { ...toBatch, callers: BATCH_CALLERS, groups: [crowd] }),
  }
  return {
    ways,
    billing,
    check: () => checkSessions(sql, sessions + BATCH),
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
    throw new Error(`of ${sessions} sessions ${row?.running} run and ${row?.heard} were heard`)
  }
}

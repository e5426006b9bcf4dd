import { parseSettings } from '../billing/config/parseSettings.ts'
import { connect, type Sql } from '../billing/database/connect.ts'
import { migrate } from '../billing/database/migrate.ts'
import { meterLimits } from '../billing/sessions/meterLimits.ts'
import { meterSessions } from '../billing/sessions/meterSessions.ts'
import { baseSettings, type SettingsChain } from '../test/support/baseSettings.ts'
import { fillLedger } from './fillLedger.ts'
import type { Subject } from './measureSlices.ts'
import { type Lane, openLane, postOf } from './openLane.ts'
import { type MeasuredBilling, startBilling } from './startBilling.ts'
import { startSessions } from './startSessions.ts'

/** As many as a request may name, and as a statement of the service takes at most. */
const BATCH = 1_000
/** Batches under way at once: with one, service and database would wait for each other. */
const BATCH_CALLERS = 2
const SINGLE_CALLERS = 64
/** As many as the service has. */
const DATABASE_CONNECTIONS = 20

/** How heartbeats come: batches over many accounts, one by one over many connections, batches for one account. */
export const shapes = ['batch', 'single', 'oneAccount'] as const
export type Shape = (typeof shapes)[number]

/** The three ways in which the same heartbeats are sent. */
export interface Ways {
  /** Over HTTP to the real billing process. */
  service: Subject
  /** As the statement of the service, by the same driver, straight to the same database. */
  statement: Subject
  /** Over HTTP to bare routes that parse the same body and answer as much. */
  bare: Subject
}

/** One database with live sessions, and the service on it. */
export interface Stand {
  ways: Record<Shape, Ways>
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
  /** More accounts than sessions. */
  accounts: number
  entriesPerAccount: number
  say: (text: string) => void
}

/** Fills a database, starts sessions and the billing process on it, and opens the connections to both. */
export async function openStand(options: StandOptions): Promise<Stand> {
  const { databaseUrl, chain, bareUrl, sessions, accounts, entriesPerAccount, say } = options
  // Silence while others are measured must end nothing.
  const overrides = { HEARTBEAT_TIMEOUT_SECONDS: '86400' }
  const settings = await baseSettings({ chains: [chain], databaseUrl, overrides })
  const parsed = parseSettings(settings, { stdoutIsTerminal: false })
  if (!parsed.ok) throw new Error('the settings of the benchmark are wrong')
  const limits = meterLimits(parsed.config)
  await migrate(databaseUrl)
  const sql = connect(databaseUrl, { max: DATABASE_CONNECTIONS, applicationName: 'bench' })
  await fillLedger(sql, { accounts, entriesPerAccount, say })
  const apart = Math.floor((accounts - 1) / sessions)
  const many = await startSessions(sql, limits, { name: 'many', sessions, firstAccount: 1, apart })
  const crowd = await startSessions(sql, limits, {
    name: 'crowd',
    sessions: BATCH,
    firstAccount: 0,
    apart: 0,
  })
  await sql`delete from credits.outbox_event`
  await sql`vacuum analyze`
  await sql`checkpoint`
  const billing = await startBilling(settings)
  const lanes = {
    service: openLanes(new URL(`http://127.0.0.1:${settings.PORT}`)),
    bare: openLanes(bareUrl),
  }
  const key = settings.SERVICE_API_KEY ?? ''
  const waysFor = (
    callers: number,
    groups: string[][],
    pathOf: (ids: string[]) => string,
    body: Body,
  ): Ways => {
    const turns = turnsOf(callers, groups)
    const unitsPerCall = groups[0]?.length ?? 0
    const over = (to: Lane[]): Subject => ({
      callers,
      unitsPerCall,
      call: postInTurn(
        to,
        turns.map((mine) => mine.map((ids) => postOf(bareUrl, pathOf(ids), key, body(ids)))),
      ),
    })
    const statement = async (caller: number, nth: number) => {
      const mine = turns[caller] ?? []
      const beaten = await meterSessions(sql, limits, mine[nth % mine.length] ?? [], 'beat')
      if (beaten.length !== unitsPerCall) throw new Error(`${beaten.length} sessions were metered`)
    }
    return {
      service: over(lanes.service),
      bare: over(lanes.bare),
      statement: { callers, unitsPerCall, call: statement },
    }
  }
  const batches = Array.from({ length: sessions / BATCH }, (_, n) => many.slice(n * BATCH, (n + 1) * BATCH))
  const toBatch = [() => '/v1/heartbeats', (sessionIds: string[]) => ({ sessionIds })] as const
  const toOne = [([id]: string[]) => `/v1/sessions/${id}/heartbeat`, () => ({})] as const
  return {
    ways: {
      batch: waysFor(BATCH_CALLERS, batches, ...toBatch),
      single: waysFor(
        SINGLE_CALLERS,
        many.map((id) => [id]),
        ...toOne,
      ),
      oneAccount: waysFor(BATCH_CALLERS, [crowd], ...toBatch),
    },
    billing,
    check: () => checkSessions(sql, sessions + BATCH),
    async stop() {
      for (const lane of [...lanes.service, ...lanes.bare]) lane.close()
      await billing.stop()
      await sql.end({ timeout: 1 })
    },
  }
}

type Body = (ids: string[]) => unknown

function openLanes(url: URL): Lane[] {
  return Array.from({ length: SINGLE_CALLERS }, () => openLane(url))
}

/** Which groups each caller sends: no two the same, where there are enough. */
function turnsOf(callers: number, groups: string[][]): string[][][] {
  return Array.from({ length: callers }, (_, caller) =>
    groups.length < callers ? groups : groups.filter((_group, n) => n % callers === caller),
  )
}

function postInTurn(lanes: Lane[], requests: Buffer[][]): Subject['call'] {
  return async (caller, nth) => {
    const mine = requests[caller] ?? []
    const request = mine[nth % mine.length]
    const lane = lanes[caller]
    if (request === undefined || lane === undefined) throw new Error(`caller ${caller} has nothing to send`)
    const { status, body } = await lane.post(request)
    if (
      status !== 200 ||
      !body.includes('"running"') ||
      body.includes('"ended"') ||
      body.includes('"error"')
    ) {
      throw new Error(`a heartbeat was answered ${status} ${body.slice(0, 500)}`)
    }
  }
}

async function checkSessions(sql: Sql, sessions: number): Promise<void> {
  const [row] = await sql<{ running: bigint; heard: bigint }[]>`
    select count(*) as running, count(*) filter (where total_billed_micros > 0) as heard
    from credits.session where state = 'running'`
  if (row?.running !== BigInt(sessions) || row.heard !== row.running) {
    throw new Error(`of ${sessions} sessions ${row?.running} run and ${row?.heard} were heard`)
  }
}

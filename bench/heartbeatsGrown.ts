import { connect } from '../billing/database/connect.ts'
import { startAnvil } from '../demo/startAnvil.ts'
import type { Benchmark, Measurement } from './benchmark.ts'
import { cpuSeconds } from './cpuSeconds.ts'
import { measureSlices, type Sliced } from './measureSlices.ts'
import { openStand, type Stand, shapes } from './openStand.ts'
import { startBare } from './startBare.ts'
import { withDatabase } from './withDatabase.ts'

const SESSIONS = 20_000
const FEWEST_SESSIONS = 2_000
const ACCOUNTS = 1_000_000
const ENTRIES_PER_ACCOUNT = 10
const ROUNDS = 11
const SLICE_MS = 1_000
const REVENUE = '0x00000000000000000000000000000000000000ee'

const metricNames = { batch: 'batch', single: 'single_64', oneAccount: 'one_account' } as const

/** How the cost of a heartbeat grows with what lies in the database. */
export const heartbeatsGrown: Benchmark = {
  name: 'heartbeats-grown',
  summary: `the same with ${ACCOUNTS} accounts and ${ACCOUNTS * ENTRIES_PER_ACCOUNT} entries, beside an empty ledger; only by name`,
  isOnlyNamed: true,
  run: (say, { scale }) =>
    withDatabase(async (databaseUrl, serverPid) => {
      const sessions = Math.max(
        FEWEST_SESSIONS,
        Math.round((SESSIONS * scale) / FEWEST_SESSIONS) * FEWEST_SESSIONS,
      )
      const rounds = Math.max(1, Math.round(ROUNDS * scale))
      const anvil = await startAnvil()
      const bare = await startBare()
      // Both in one server, and measured in turn: what else goes on there meets both alike.
      const shared = {
        chain: { chainId: anvil.chainId, rpcUrl: anvil.rpcUrl, accounts: { revenue: REVENUE } },
        bareUrl: bare.url,
        sessions,
        say,
      }
      const stands: Stand[] = []
      try {
        const grown = await openStand({
          ...shared,
          databaseUrl: await createDatabase(databaseUrl, 'grown'),
          accounts: Math.max(sessions + 1, Math.round(ACCOUNTS * scale)),
          entriesPerAccount: ENTRIES_PER_ACCOUNT,
        })
        stands.push(grown)
        const fresh = await openStand({
          ...shared,
          databaseUrl,
          accounts: sessions + 1,
          entriesPerAccount: 1,
        })
        stands.push(fresh)
        const meters = { PostgreSQL: () => cpuSeconds(serverPid) }
        const measurements: Record<string, Measurement> = {}
        const remarks = [
          'Microseconds a heartbeat, the same number of live sessions in both; the baseline is a database without the load.',
          'In the large one they are on accounts from all over it. Of the statement: the median CPU of PostgreSQL for one.',
        ]
        for (const shape of shapes) {
          say(`${shape}: large and empty database in turn`)
          const measured = await measureSlices(
            {
              grown: grown.ways[shape].service,
              fresh: fresh.ways[shape].service,
              grownStatement: grown.ways[shape].statement,
              freshStatement: fresh.ways[shape].statement,
            },
            { rounds, sliceMs: SLICE_MS, meters },
          )
          const name = `heartbeats_${metricNames[shape]}_growth`
          measurements[name] = growthOf(measured.grown, measured.fresh)
          measurements[`${name}_of_statement`] = growthOf(measured.grownStatement, measured.freshStatement)
          remarks.push(
            `${shape}: p99 ${measured.grown.p99Ms.toFixed(1)} ms, without the load ${measured.fresh.p99Ms.toFixed(1)} ms; CPU of ` +
              `PostgreSQL ${cpuMicros(measured.grownStatement)} and ${cpuMicros(measured.freshStatement)} µs.`,
          )
        }
        for (const stand of stands) await stand.check()
        return { measurements, remarks }
      } finally {
        for (const stand of stands) await stand.stop()
        await bare.stop()
        await anvil.stop()
      }
    }),
}

async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const sql = connect(serverUrl, { max: 1 })
  try {
    await sql`create database ${sql(name)}`
  } finally {
    await sql.end({ timeout: 1 })
  }
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** The ratio is the growth of the cost. */
function growthOf(grown: Sliced, fresh: Sliced): Measurement {
  const value = 1e6 / grown.unitsPerSecond
  const baseline = 1e6 / fresh.unitsPerSecond
  return { value, unit: 'µs', baseline, ratio: value / baseline, p50Ms: grown.p50Ms, p99Ms: grown.p99Ms }
}

function cpuMicros({ cores, unitsPerSecond }: Sliced): string {
  return (((cores.PostgreSQL ?? Number.NaN) * 1e6) / unitsPerSecond).toFixed(1)
}

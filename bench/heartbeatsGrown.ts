import type { Benchmark, Measurement } from './benchmark.ts'
import { cpuSeconds } from './cpuSeconds.ts'
import { measureSlices, type Sliced } from './measureSlices.ts'
import { withStands } from './withStands.ts'

const ACCOUNTS = 1_000_000
const ENTRIES_PER_ACCOUNT = 10
const ROUNDS = 11
const SLICE_MS = 1_000

/** How the cost of a heartbeat grows with the size of the database. */
export const heartbeatsGrown: Benchmark = {
  name: 'heartbeats-grown',
  summary: `the same with ${ACCOUNTS} accounts and ${ACCOUNTS * ENTRIES_PER_ACCOUNT} entries in place; only runs by name`,
  isOnlyNamed: true,
  run: (say, { scale }) =>
    withStands({ scale, say }, async ({ sessions, serverPid, open }) => {
      const accounts = Math.max(sessions + 1, Math.round(ACCOUNTS * scale))
      // Both on one server, measured in turn: any other load affects both alike.
      const grown = await open('grown', { accounts, entriesPerAccount: ENTRIES_PER_ACCOUNT })
      const fresh = await open('fresh', { accounts: sessions + 1, entriesPerAccount: 1 })
      const meters = { PostgreSQL: () => cpuSeconds(serverPid) }
      const rounds = Math.max(1, Math.round(ROUNDS * scale))
      const measurements: Record<string, Measurement> = {}
      const remarks = [
        'Microseconds per heartbeat; the baseline is a ledger with only the accounts of the same number of live sessions.',
        'In the large one they are spread over all accounts, each of which has a meter and a session that has ended.',
      ]
      for (const name of ['batch', 'single_64', 'one_account'] as const) {
        say(`${name}: large and small ledger in turn`)
        const [large, small] = [grown.ways[name], fresh.ways[name]]
        const sliced = await measureSlices(
          {
            large: large.service,
            small: small.service,
            largeStatement: large.statement,
            smallStatement: small.statement,
          },
          { rounds, sliceMs: SLICE_MS, meters },
        )
        measurements[`heartbeats_${name}_growth`] = growthOf(sliced.large, sliced.small)
        measurements[`heartbeats_${name}_growth_of_statement`] = growthOf(
          sliced.largeStatement,
          sliced.smallStatement,
        )
        remarks.push(
          `${name}: p99 ${sliced.large.p99Ms.toFixed(1)} ms, in the small one ${sliced.small.p99Ms.toFixed(1)} ms; CPU of ` +
            `PostgreSQL for one ${cpuMicros(sliced.large)} and ${cpuMicros(sliced.small)} µs.`,
        )
      }
      await grown.check()
      await fresh.check()
      return { measurements, remarks }
    }),
}

/** The ratio is the growth of the cost. */
function growthOf(large: Sliced, small: Sliced): Measurement {
  const value = 1e6 / large.unitsPerSecond
  const baseline = 1e6 / small.unitsPerSecond
  return { value, unit: 'µs', baseline, ratio: value / baseline, p50Ms: large.p50Ms, p99Ms: large.p99Ms }
}

function cpuMicros({ cores, unitsPerSecond }: Sliced): string {
  return (((cores.PostgreSQL ?? Number.NaN) * 1e6) / unitsPerSecond).toFixed(0)
}

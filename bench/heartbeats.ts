import { startAnvil } from '../demo/startAnvil.ts'
import type { Benchmark, Measurement } from './benchmark.ts'
import { cpuSeconds } from './cpuSeconds.ts'
import { measureSlices, type Sliced } from './measureSlices.ts'
import { openStand, shapes } from './openStand.ts'
import { startBare } from './startBare.ts'
import { withDatabase } from './withDatabase.ts'

const SESSIONS = 20_000
const FEWEST_SESSIONS = 2_000
const ROUNDS = 9
const SLICE_MS = 1_000
const REVENUE = '0x00000000000000000000000000000000000000ee'

const metricNames = { batch: 'batch', single: 'single_64', oneAccount: 'one_account' } as const

/** Heartbeats per second with a durable answer, beside the bare statement and bare HTTP. */
export const heartbeats: Benchmark = {
  name: 'heartbeats',
  summary: 'durable heartbeats: batches of 1 000, one by one over 64 connections, 1 000 on one account',
  run: (say, { scale }) =>
    withDatabase(async (databaseUrl, serverPid) => {
      const anvil = await startAnvil()
      const bare = await startBare()
      const sessions = Math.max(
        FEWEST_SESSIONS,
        Math.round((SESSIONS * scale) / FEWEST_SESSIONS) * FEWEST_SESSIONS,
      )
      try {
        const stand = await openStand({
          databaseUrl,
          chain: { chainId: anvil.chainId, rpcUrl: anvil.rpcUrl, accounts: { revenue: REVENUE } },
          bareUrl: bare.url,
          sessions,
          accounts: sessions + 1,
          entriesPerAccount: 1,
          say,
        })
        try {
          const meters = {
            service: () => cpuSeconds(stand.billing.pid),
            PostgreSQL: () => cpuSeconds(serverPid),
            'bare server': () => cpuSeconds(bare.pid),
            load: () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
          }
          const measurements: Record<string, Measurement> = {}
          const remarks: string[] = []
          for (const shape of shapes) {
            say(`${shape}: service, statement and bare routes in turn`)
            const rounds = Math.max(1, Math.round(ROUNDS * scale))
            const ways = { ...stand.ways[shape] }
            const measured = await measureSlices(ways, { rounds, sliceMs: SLICE_MS, meters })
            const name = `heartbeats_${metricNames[shape]}`
            measurements[`${name}_vs_statement`] = compare(measured.service, measured.statement)
            measurements[`${name}_vs_bare_hono`] = compare(measured.service, measured.bare)
            remarks.push(
              `${shape}: p99 ${measured.service.p99Ms.toFixed(1)} ms, of the statement ${measured.statement.p99Ms.toFixed(1)} ms, ` +
                `of bare Hono ${measured.bare.p99Ms.toFixed(1)} ms. Cores: ${describeCores(measured.service)}; by the statement ` +
                `alone ${describeCores(measured.statement)}.`,
            )
          }
          await stand.check()
          return { measurements, remarks }
        } finally {
          await stand.stop()
        }
      } finally {
        await bare.stop()
        await anvil.stop()
      }
    }),
}

function compare(service: Sliced, baseline: Sliced): Measurement {
  return {
    value: service.unitsPerSecond,
    unit: 'heartbeats/s',
    baseline: baseline.unitsPerSecond,
    ratio: service.unitsPerSecond / baseline.unitsPerSecond,
    p50Ms: service.p50Ms,
    p99Ms: service.p99Ms,
  }
}

function describeCores({ cores }: Sliced): string {
  return Object.entries(cores)
    .filter(([, busy]) => busy >= 0.05)
    .map(([who, busy]) => `${who} ${busy.toFixed(2)}`)
    .join(', ')
}

import type { Benchmark, Measurement } from './benchmark.ts'
import { cpuSeconds } from './cpuSeconds.ts'
import { measureSlices, type Sliced } from './measureSlices.ts'
import { withStands } from './withStands.ts'

const ROUNDS = 9
const SLICE_MS = 1_000

/** Heartbeats per second with a durable answer, beside the bare statement and bare HTTP. */
export const heartbeats: Benchmark = {
  name: 'heartbeats',
  summary: 'durable heartbeats: batches of 1000, one by one over 64 connections, 1000 on one account',
  run: (say, { scale }) =>
    withStands({ scale, say }, async ({ sessions, serverPid, barePid, open }) => {
      const stand = await open('heartbeats', { accounts: sessions + 1, entriesPerAccount: 1 })
      const meters = {
        service: () => cpuSeconds(stand.billing.pid),
        PostgreSQL: () => cpuSeconds(serverPid),
        'bare server': () => cpuSeconds(barePid),
        load: ownCpuSeconds,
      }
      const rounds = Math.max(1, Math.round(ROUNDS * scale))
      const measurements: Record<string, Measurement> = {}
      const remarks = [
        'Statement: the same one, with the same concurrency, by the same driver from this process. Bare Hono: the same body, the same',
        'server library, an answer of the same size, nothing behind it. Medians of slices that took turns. Who took the CPU:',
      ]
      for (const [name, { service, statement, bare }] of Object.entries(stand.ways)) {
        say(`${name}: service, statement and bare Hono in turn`)
        const sliced = await measureSlices(
          { service, statement, bare },
          { rounds, sliceMs: SLICE_MS, meters },
        )
        measurements[`heartbeats_${name}_to_statement`] = compare(sliced.service, sliced.statement)
        measurements[`heartbeats_${name}_to_bare_hono`] = compare(sliced.service, sliced.bare)
        const who = { service: sliced.service, statement: sliced.statement, 'bare Hono': sliced.bare }
        for (const [what, figures] of Object.entries(who))
          remarks.push(`${name}, ${what}: ${describe(figures)}`)
      }
      await stand.check()
      return { measurements, remarks }
    }),
}

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
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

function describe({ p99Ms, cores }: Sliced): string {
  const busy = Object.entries(cores).filter(([, share]) => share >= 0.05)
  return `p99 ${p99Ms.toFixed(1)} ms; cores ${busy.map(([who, share]) => `${who} ${share.toFixed(2)}`).join(', ')}`
}

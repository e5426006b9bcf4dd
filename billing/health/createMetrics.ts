import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { BatchResult, BeatResult } from '../metering/createBeats.ts'
import { addDatabaseGauges } from './databaseGauges.ts'
import type { Readings } from './readGauges.ts'

/** Every metric of a process. Amounts are micros; beyond 2^53 the last digits are lost, the ledger has them. */
export type Metrics = ReturnType<typeof createMetrics>

/** What metrics are about. By it every series is there from the start, at 0: an alarm on one that is missing never goes off. */
export interface MetricsOptions {
  chains?: readonly { chainId: number; rpcs: number }[]
  rails?: readonly string[]
  /** Reads the database; none: nothing of it is told. */
  read?: () => Promise<Readings>
}

/**
 * Makes the registry behind /metrics. Each call makes its own: nothing is global, so two services can run in one test process.
 *
 * `text` is the whole answer. Names begin with `axonos_`, but for those of Node's own client (`process_…`, `nodejs_…`); each
 * metric that had another name before 0.2 is told by that too.
 */
export function createMetrics({ chains = [], rails = [], read }: MetricsOptions = {}) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  if (read !== undefined) addDatabaseGauges(registers, read)
  const leader = leaderMetrics(registers, chains, rails)
  const metrics = {
    registry,
    text: async () => withFormerNames(await registry.metrics()),
    contentType: registry.contentType,
    leads: leader.leads,
    ...leader.metrics,
    ...gateMetrics(registers),
    ...rpcMetrics(registers),
    ...httpMetrics(registers),
    ...processMetrics(registers),
  }
  for (const { chainId, rpcs } of chains) {
    const chain = String(chainId)
    metrics.rpcDisagreementsTotal.inc({ chain }, 0)
    metrics.gatePassDurationSeconds.zero({ chain })
    for (let position = 1; position <= rpcs; position += 1) {
      const rpc = String(position)
      metrics.rpcRequestDurationSeconds.zero({ chain, rpc })
      metrics.rpcErrorsTotal.inc({ chain, rpc }, 0)
    }
  }
  return metrics
}

/** A process that did not run for so long may have lost the lock; it has as long again to notice. */
const FROZEN_AFTER_MS = 5_000
const TICK_MS = 1_000

/**
 * What only the process that leads finds out. Elsewhere it is 0, also where leadership was lost: nobody would ever correct what
 * a former leader had last seen.
 */
function leaderMetrics(
  registers: Registry[],
  chains: readonly { chainId: number; rpcs: number }[],
  rails: readonly string[],
) {
  let term: AbortSignal | null = null
  let tickedAt = performance.now()
  let doubtfulUntil = 0
  const tick = () => {
    const now = performance.now()
    if (now - tickedAt > FROZEN_AFTER_MS) doubtfulUntil = now + FROZEN_AFTER_MS
    tickedAt = now
    return now
  }
  setInterval(tick, TICK_MS).unref()
  const isLeading = () => term !== null && !term.aborted && tick() >= doubtfulUntil

  const heads = new Map<string, number>()
  const rpcProblem = leaderGauge(registers, isLeading, {
    name: 'axonos_rpc_problem',
    help: '1 while something is wrong with an RPC of the chain, though the others may suffice; the log says what.',
    all: chains.map(({ chainId }) => ({ chain: String(chainId) })),
    labelNames: ['chain'],
  })
  const priceUnavailable = leaderGauge(registers, isLeading, {
    name: 'axonos_price_unavailable',
    help: '1 while a rail has no price that can be trusted: its payments are held.',
    all: rails.map((rail) => ({ rail })),
    labelNames: ['rail'],
  })
  new Gauge({
    name: 'axonos_rpc_head_age_seconds',
    help: 'How old the newest block is that an RPC has shown the leader; while it has shown none, since when it is asked.',
    labelNames: ['chain', 'rpc'],
    registers,
    collect() {
      this.reset()
      for (const { chainId, rpcs } of chains) {
        for (let rpc = 1; rpc <= rpcs; rpc += 1) {
          const madeAt = heads.get(`${chainId} ${rpc}`) ?? Date.now() / 1000 - process.uptime()
          const age = isLeading() ? Math.max(0, Date.now() / 1000 - madeAt) : 0
          this.set({ chain: String(chainId), rpc: String(rpc) }, age)
        }
      }
    },
  })
  new Gauge({
    name: 'axonos_leader',
    help: '1 on the process that gates, accrues and delivers; of all processes one is it.',
    registers,
    collect() {
      this.set(isLeading() ? 1 : 0)
    },
  })
  return {
    /** Tells that this process leads, until the signal is aborted. */
    leads(signal: AbortSignal): void {
      for (const gauge of [rpcProblem, priceUnavailable]) gauge.forget()
      heads.clear()
      term = signal
    },
    metrics: {
      rpcProblem,
      priceUnavailable,
      /** Notes the newest block of an RPC by its position; the block's own time, in seconds. */
      headSeen(chainId: number, rpc: number, timestamp: bigint): void {
        heads.set(`${chainId} ${rpc}`, Number(timestamp))
      },
    },
  }
}

function leaderGauge(
  registers: Registry[],
  isLeading: () => boolean,
  { name, help, labelNames, all }: { name: string; help: string; labelNames: string[]; all: Labels[] },
) {
  const told = new Map<string, { labels: Labels; value: number }>()
  new Gauge({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const labels of all) this.set(labels, 0)
      if (isLeading()) for (const { labels, value } of told.values()) this.set(labels, value)
    },
  })
  return {
    set(labels: Labels, value: number): void {
      told.set(Object.values(labels).join(' '), { labels, value })
    },
    forget: () => told.clear(),
  }
}

type Labels = Record<string, string>

function gateMetrics(registers: Registry[]) {
  return {
    gatePassDurationSeconds: new Histogram({
      name: 'axonos_gate_pass_duration_seconds',
      help: 'How long one pass of the gate over a chain took.',
      labelNames: ['chain'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    webhookAttemptsTotal: withZeros(
      new Counter({
        name: 'axonos_webhook_attempts_total',
        help: 'Attempts of this process to deliver a webhook, by what came of them.',
        labelNames: ['outcome'],
        registers,
      }),
      ['delivered', 'failed'].map((outcome) => ({ outcome })),
    ),
    heartbeatsTotal: withZeros(
      new Counter({
        name: 'axonos_heartbeats_total',
        help: 'Heartbeats that reached this process, each of a batch by itself: billed, of an unknown session, refused because too many waited, or failed.',
        labelNames: ['outcome'],
        registers,
      }),
      heartbeatOutcomes.map((outcome) => ({ outcome })),
    ),
  }
}

/** What may become of a heartbeat. */
export const heartbeatOutcomes = ['metered', 'unknown', 'overloaded', 'failed'] as const

/** Counts what becomes of heartbeats, each of a batch by itself. */
export function countBeats(
  { heartbeatsTotal }: { heartbeatsTotal: Counter },
  { beat, beatMany }: Beats,
): Beats {
  const count = (outcome: (typeof heartbeatOutcomes)[number], times: number) =>
    heartbeatsTotal.inc({ outcome }, times)
  return {
    async beat(id) {
      const result = await beat(id).catch((error: unknown) => {
        count('failed', 1)
        throw error
      })
      count(result.kind, 1)
      return result
    },
    async beatMany(ids) {
      const result = await beatMany(ids).catch((error: unknown) => {
        count('failed', ids.length)
        throw error
      })
      if (result.kind === 'overloaded') count('overloaded', ids.length)
      else {
        count('metered', result.sessions.length)
        count('unknown', new Set(ids).size - result.sessions.length)
      }
      return result
    },
  }
}

interface Beats {
  beat(id: string): Promise<BeatResult>
  beatMany(ids: string[]): Promise<BatchResult>
}

function rpcMetrics(registers: Registry[]) {
  return {
    rpcRequestsTotal: new Counter({
      name: 'axonos_rpc_requests_total',
      help: 'Requests to chain RPCs.',
      labelNames: ['chain', 'method', 'outcome'],
      registers,
    }),
    rpcErrorsTotal: new Counter({
      name: 'axonos_rpc_errors_total',
      help: 'Requests that an RPC did not answer or refused, by its position in RPC_URL_<chainId>.',
      labelNames: ['chain', 'rpc'],
      registers,
    }),
    rpcRequestDurationSeconds: new Histogram({
      name: 'axonos_rpc_request_duration_seconds',
      help: 'How long an RPC took to answer, by its position in RPC_URL_<chainId>.',
      labelNames: ['chain', 'rpc'],
      buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    rpcDisagreementsTotal: new Counter({
      name: 'axonos_rpc_disagreements_total',
      help: 'Times the RPCs of a chain did not say the same.',
      labelNames: ['chain'],
      registers,
    }),
  }
}

function httpMetrics(registers: Registry[]) {
  return {
    httpRequestsTotal: new Counter({
      name: 'axonos_http_requests_total',
      help: 'HTTP requests answered, by route pattern (never by path: paths come from outside and have no bound).',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    httpRequestDurationSeconds: new Histogram({
      name: 'axonos_http_request_duration_seconds',
      help: 'How long HTTP requests took to answer.',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
  }
}

/** The processes that `npm start` starts again when they end. */
export const supervised = ['billing', 'indexer', 'postgres'] as const
export type Supervised = (typeof supervised)[number]

function processMetrics(registers: Registry[]) {
  const restarts: Partial<Record<Supervised, number>> = {}
  new Counter({
    name: 'axonos_process_restarts_total',
    help: 'How often npm start has started a process of this machine again, for whatever reason.',
    labelNames: ['process'],
    registers,
    collect() {
      this.reset()
      for (const name of supervised) this.inc({ process: name }, restarts[name] ?? 0)
    },
  })
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  new Gauge({
    name: 'axonos_build_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1)
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  new Gauge({
    name: 'axonos_event_loop_delay_seconds',
    help: 'How late timers were since the last scrape: half of them, 99 % and all were no later than this.',
    labelNames: ['quantile'],
    registers,
    collect() {
      const seconds = (nanoseconds: number) => (Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : 0)
      const isEmpty = delay.count === 0
      for (const [quantile, value] of [
        ['0.5', delay.percentile(50)],
        ['0.99', delay.percentile(99)],
        ['1', delay.max],
      ] as const) {
        this.set({ quantile }, isEmpty ? 0 : seconds(value))
      }
      delay.reset()
    },
  })
  return {
    /** Takes over the supervisor's counts. */
    restarted(counts: Partial<Record<Supervised, number>>): void {
      Object.assign(restarts, counts)
    },
  }
}

function withZeros(counter: Counter, all: Labels[]): Counter {
  for (const labels of all) counter.inc(labels, 0)
  return counter
}

/** What was told without the prefix before 0.2; to be dropped with the release after it. */
const RENAMED = [
  'deposits_held',
  'deposits_undecided',
  'transactions_untraced',
  'gate_lag_blocks',
  'deposits_credited_total',
  'credit_micros_total',
  'deposits_reversed_total',
  'price_unavailable',
  'gate_pass_duration_seconds',
  'rpc_requests_total',
  'rpc_disagreements_total',
  'rpc_problem',
  'http_requests_total',
  'http_request_duration_seconds',
]

const RENAMED_LINE = new RegExp(
  `^(# (?:HELP|TYPE) )?axonos_((?:${RENAMED.join('|')})(?:_bucket|_sum|_count)?[ {])`,
)

function withFormerNames(text: string): string {
  const former = text.split('\n').flatMap((line) => {
    const [start, prefix = '', rest = ''] = RENAMED_LINE.exec(line) ?? []
    return start === undefined ? [] : [`${prefix}${rest}${line.slice(start.length)}`]
  })
  return former.length === 0 ? text : `${text}${former.join('\n')}\n`
}

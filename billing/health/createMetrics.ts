import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Every metric of the billing process. Amounts are micros; beyond 2^53 a counter loses its last digits, the ledger does not. */
export type Metrics = ReturnType<typeof createMetrics>

/**
 * Makes the registry behind /metrics with all counters in place, so a series exists (at 0) before its first event. Each call
 * makes its own registry: nothing is global, so two services can run in one test process.
 */
export function createMetrics(
  readGauges: () => Promise<GateGauges> = async () => ({ held: [], undecided: [], untraced: [], lag: [] }),
) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  gateGauges(registers, readGauges)
  return { registry, ...gateMetrics(registers), ...rpcMetrics(registers), ...httpMetrics(registers) }
}

/**
 * What the wallet's ETH says of the block of a transaction that cannot be traced: more came in than is recorded of it, all
 * that came in is recorded, or it could not be asked yet.
 */
export const etherOfUntraced = ['missing', 'accounted', 'unknown'] as const

export type EtherOfUntraced = (typeof etherOfUntraced)[number]

/** The present state, whichever process caused it: read from the database at every scrape. */
export interface GateGauges {
  /** Of several for one chain and reason, the last counts. */
  held: { chainId: number; reason: string; deposits: number }[]
  /** Deep enough but still undecided after many looks: an RPC lags permanently or contradicts itself. */
  undecided: { chainId: number; deposits: number }[]
  /** Transactions that no RPC can trace, so that what they pay is not known. Those that were read since do not count. */
  untraced: { chainId: number; ether: EtherOfUntraced; transactions: number }[]
  /** How many blocks the indexer is behind the head that the gate last saw. */
  lag: { chainId: number; blocks: number }[]
}

function gateGauges(registers: Registry[], read: () => Promise<GateGauges>): void {
  // Every scrape collects all gauges; the first one reads, the others share its answer.
  let reading: Promise<GateGauges> | null = null
  new Gauge({
    name: 'deposits_held',
    help: 'Deposits held now, by why.',
    labelNames: ['chain', 'reason'],
    registers,
    async collect() {
      reading = read()
      const { held } = await reading
      this.reset()
      for (const { chainId, reason, deposits } of held) this.set({ chain: String(chainId), reason }, deposits)
    },
  })
  new Gauge({
    name: 'deposits_undecided',
    help: 'Deposits deep enough that many looks could not decide: an RPC lags for good or contradicts itself.',
    labelNames: ['chain'],
    registers,
    async collect() {
      const { undecided } = await (reading ?? read())
      this.reset()
      for (const { chainId, deposits } of undecided) this.set({ chain: String(chainId) }, deposits)
    },
  })
  new Gauge({
    name: 'transactions_untraced',
    help: 'Transactions that no RPC can trace now, by whether ETH came in with their block beyond what is recorded.',
    labelNames: ['chain', 'ether'],
    registers,
    async collect() {
      const { untraced } = await (reading ?? read())
      this.reset()
      for (const { chainId, ether, transactions } of untraced) {
        this.set({ chain: String(chainId), ether }, transactions)
      }
    },
  })
  new Gauge({
    name: 'gate_lag_blocks',
    help: 'Blocks between the head and the newest block the indexer has shown the gate.',
    labelNames: ['chain'],
    registers,
    async collect() {
      const { lag } = await (reading ?? read())
      this.reset()
      for (const { chainId, blocks } of lag) this.set({ chain: String(chainId) }, blocks)
    },
  })
}

function gateMetrics(registers: Registry[]) {
  return {
    depositsCreditedTotal: new Counter({
      name: 'deposits_credited_total',
      help: 'Deposits credited, second credits after a reversal included.',
      labelNames: ['rail'],
      registers,
    }),
    creditMicrosTotal: new Counter({
      name: 'credit_micros_total',
      help: 'Micros credited for deposits.',
      labelNames: ['rail'],
      registers,
    }),
    depositsReversedTotal: new Counter({
      name: 'deposits_reversed_total',
      help: 'Credits taken back because a reorg removed their transaction.',
      labelNames: ['rail'],
      registers,
    }),
    priceUnavailable: new Gauge({
      name: 'price_unavailable',
      help: '1 while a rail has no price that can be trusted: its payments are held.',
      labelNames: ['rail'],
      registers,
    }),
    gatePassDurationSeconds: new Histogram({
      name: 'gate_pass_duration_seconds',
      help: 'How long one pass of the gate over a chain took.',
      labelNames: ['chain'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
  }
}

function rpcMetrics(registers: Registry[]) {
  return {
    rpcRequestsTotal: new Counter({
      name: 'rpc_requests_total',
      help: 'Requests to chain RPCs.',
      labelNames: ['chain', 'method', 'outcome'],
      registers,
    }),
    rpcDisagreementsTotal: new Counter({
      name: 'rpc_disagreements_total',
      help: 'Times the RPCs of a chain did not say the same.',
      labelNames: ['chain'],
      registers,
    }),
    rpcProblem: new Gauge({
      name: 'rpc_problem',
      help: '1 while something is wrong with an RPC of the chain, though the others may suffice; the log says what.',
      labelNames: ['chain'],
      registers,
    }),
  }
}

function httpMetrics(registers: Registry[]) {
  return {
    httpRequestsTotal: new Counter({
      name: 'http_requests_total',
      help: 'HTTP requests answered, by route pattern (never by path: paths come from outside and have no bound).',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    httpRequestDurationSeconds: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'How long HTTP requests took to answer.',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
  }
}

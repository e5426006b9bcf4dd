import { Counter, Gauge, type Registry } from 'prom-client'
import type { Readings, Sample } from './readGauges.ts'

/** Half a second's worth of scrapes share one reading: several gauges are collected at once, and anybody may scrape. */
const READING_COUNTS_MS = 500

interface GaugeRow {
  part: keyof Readings
  name: string
  help: string
  labels: string[]
  /** A number that only grows, however often this process was started. */
  isCounter?: boolean
}

/** What the database says, the same on every process that is asked: alarms take the maximum, never the sum. */
export const databaseGauges: readonly GaugeRow[] = [
  {
    part: 'deposits',
    name: 'axonos_deposits_held',
    help: 'Deposits held now, by why.',
    labels: ['chain', 'reason'],
  },
  {
    part: 'deposits',
    name: 'axonos_deposits_undecided',
    help: 'Deposits deep enough that many looks could not decide: an RPC lags for good or contradicts itself.',
    labels: ['chain'],
  },
  {
    part: 'deposits',
    name: 'axonos_transactions_untraced',
    help: 'Transactions that no RPC can trace now, by whether ETH came in with their block beyond what is recorded.',
    labels: ['chain', 'ether'],
  },
  {
    part: 'credits',
    name: 'axonos_deposits_credited_total',
    help: 'Deposits credited, second credits after a reversal included.',
    labels: ['rail'],
    isCounter: true,
  },
  {
    part: 'credits',
    name: 'axonos_credit_micros_total',
    help: 'Micros credited for deposits.',
    labels: ['rail'],
    isCounter: true,
  },
  {
    part: 'credits',
    name: 'axonos_deposits_reversed_total',
    help: 'Credits taken back because a reorg removed their transaction.',
    labels: ['rail'],
    isCounter: true,
  },
  {
    part: 'chains',
    name: 'axonos_gate_head_age_seconds',
    help: 'Since when the head by which the gate decides has not changed.',
    labels: ['chain'],
  },
  {
    part: 'chains',
    name: 'axonos_gate_pass_age_seconds',
    help: 'Since when the gate has made no pass over the chain, whichever process leads.',
    labels: ['chain'],
  },
  {
    part: 'chains',
    name: 'axonos_gate_problem',
    help: '1 while the last pass over the chain met a problem; /health/ready names it.',
    labels: ['chain'],
  },
  {
    part: 'indexer',
    name: 'axonos_gate_lag_blocks',
    help: 'Blocks between the head and the newest block the indexer has shown the gate.',
    labels: ['chain'],
  },
  {
    part: 'webhooks',
    name: 'axonos_webhooks_pending',
    help: 'Webhooks that are still to be delivered, those that failed and are tried again included.',
    labels: [],
  },
  {
    part: 'webhooks',
    name: 'axonos_webhooks_failing',
    help: 'Webhooks whose last attempt failed and that are tried again.',
    labels: [],
  },
  {
    part: 'webhooks',
    name: 'axonos_webhooks_given_up',
    help: 'Webhooks that are not tried again unless the operator redelivers them.',
    labels: [],
  },
  {
    part: 'webhooks',
    name: 'axonos_webhook_oldest_pending_age_seconds',
    help: 'How long ago the oldest event happened whose webhook is still to be delivered; 0: there is none.',
    labels: [],
  },
  {
    part: 'outbox',
    name: 'axonos_outbox_unpublished_events',
    help: 'Events that were written and are not yet announced.',
    labels: [],
  },
  {
    part: 'outbox',
    name: 'axonos_outbox_lag_seconds',
    help: 'How long ago the oldest event was written that is not yet announced; 0: there is none.',
    labels: [],
  },
  {
    part: 'sessions',
    name: 'axonos_sessions',
    help: 'Sessions that have not ended, by state.',
    labels: ['state'],
  },
  {
    part: 'connections',
    name: 'axonos_database_connections',
    help: 'Connections of this service to the database, of all its processes, by what they are doing.',
    labels: ['state'],
  },
  {
    part: 'checks',
    name: 'axonos_last_success_timestamp_seconds',
    help: 'When `credits verify` and `credits reconcile` last ended with everything in order (Unix time); 0: never.',
    labels: ['check'],
  },
]

/**
 * Registers what is read from the database at a scrape. A part that could not be read shows none of its gauges, since an old
 * value would be told as a new one, and its `…_up` is 0; one of several that are read at once takes nothing from the others.
 */
export function addDatabaseGauges(registers: Registry[], read: () => Promise<Readings>): void {
  let kept: { at: number; readings: Promise<Readings> } | null = null
  const readings = () => {
    const now = performance.now()
    if (kept === null || now - kept.at > READING_COUNTS_MS) kept = { at: now, readings: read() }
    return kept.readings
  }
  for (const row of databaseGauges) addGauge(row, registers, readings)
  const parts = [...new Set(databaseGauges.map(({ part }) => part))]
  for (const part of parts) {
    new Gauge({
      name: `axonos_${part}_up`,
      help: `1 while the gauges of ${part} could be read from the database; else they are absent.`,
      registers,
      async collect() {
        this.set((await readings())[part] === null ? 0 : 1)
      },
    })
  }
}

function addGauge(row: GaugeRow, registers: Registry[], readings: () => Promise<Readings>): void {
  const { part, name, help, labels: labelNames } = row
  const samples = async (): Promise<Sample[]> =>
    ((await readings())[part] ?? []).filter((sample) => sample.name === name)
  if (row.isCounter) {
    new Counter({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const told = await samples()
        this.reset()
        for (const { labels, value } of told) this.inc(labels, value)
      },
    })
    return
  }
  new Gauge({
    name,
    help,
    labelNames,
    registers,
    async collect() {
      const told = await samples()
      this.reset()
      // Without labels there is one series, which a reset leaves at 0 instead of taking it away.
      if (labelNames.length === 0) this.remove()
      for (const { labels, value } of told) this.set(labels, value)
    },
  })
}

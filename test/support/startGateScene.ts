import type { Address, Hash } from 'viem'
import { parseSettings } from '../../billing/config/parseSettings.ts'
import type { GateEvent } from '../../billing/deposits/deposit.ts'
import { createDesk, type TransactionLookup } from '../../billing/desk/createDesk.ts'
import type { GateChain, GateDeps } from '../../billing/gate/gateDeps.ts'
import { openGate } from '../../billing/gate/open/openGate.ts'
import { reviewSettings } from '../../billing/gate/runGate.ts'
import { runPass } from '../../billing/gate/runPass.ts'
import { createMetrics } from '../../billing/health/createMetrics.ts'
import { createLogger } from '../../billing/log/createLogger.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from './baseSettings.ts'
import type { TestChain, TestToken } from './createChain.ts'
import type { TestDatabase } from './createTestDatabase.ts'

export interface DepositRow {
  state: string
  reason: string | null
  blockHash: Hash
  attempt: number
  final: boolean
  micros: bigint | null
}

/** The gate's own code over a real chain and database, without its timers: a pass is made when the test says so. */
export interface GateScene {
  deps: GateDeps
  gateChain: GateChain
  /** What it reported, in order. */
  reports: GateEvent[]
  /** One pass; false when the chain could not be read. */
  pass(): Promise<boolean>
  /** Hands a hash in, as POST /v1/deposits does. */
  submit(txHash: Hash): Promise<TransactionLookup>
  /** Lets the gate's clock, by which it backs off, run ahead. */
  skip(milliseconds: number): void
  deposit(txHash: Hash): Promise<DepositRow | undefined>
  /** References of the ledger entries of an account, with the deposit's id cut out, and its balance. */
  ledger(account: Address): Promise<{ references: string[]; balanceMicros: bigint }>
  /** Kinds of the account's outbox events in the order they were written. */
  events(account: Address): Promise<string[]>
  /** What `verify` finds wrong. */
  differences(): Promise<string[]>
}

/** Opens the gate on a chain (by default through its own RPC) and a database that the caller stops and drops. */
export async function startGateScene({
  chain,
  database,
  rpcUrls = chain.rpcUrl,
  tokens = {},
  overrides = {},
}: {
  chain: TestChain
  database: TestDatabase
  rpcUrls?: string
  /** Adds their rails. */
  tokens?: { usdc?: TestToken; axgt?: TestToken }
  /** Settings put over those of every test. */
  overrides?: Record<string, string>
}): Promise<GateScene> {
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    rpcUrls: { [chain.chainId]: rpcUrls },
    tokens: { [chain.chainId]: tokens },
    overrides,
  })
  const parsed = parseSettings(settings, { stdoutIsTerminal: false })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults))
  const { config } = parsed
  const logger = createLogger('gate', { logLevel: 'fatal', logFormat: 'json' })
  const { sql } = database
  const opened = await openGate(config, sql, { logger, metrics: createMetrics() })
  if (opened.kind !== 'open') throw new Error(opened.detail)
  let aheadMs = 0
  const reports: GateEvent[] = []
  const deps: GateDeps = {
    ...opened.deps,
    clock: () => new Date(Date.now() + aheadMs),
    report: (event) => reports.push(event),
  }
  const gateChain = deps.chains.get(chain.chainId)
  if (gateChain === undefined) throw new Error('the gate has not opened its chain')
  // As the gate does when it starts.
  await reviewSettings(deps)
  const desk = createDesk(deps)
  return {
    deps,
    gateChain,
    reports,
    pass: () => runPass(deps, gateChain, config.revenueWallet),
    submit: (txHash) => desk.submit(txHash),
    skip(milliseconds) {
      aheadMs += milliseconds
    },
    async deposit(txHash) {
      const [row] = await sql<DepositRow[]>`
        select state, reason, block_hash as "blockHash", attempt, final, credit_micros as micros
        from credits.deposit where tx_hash = ${txHash}`
      return row
    },
    async ledger(account) {
      const entries = await sql<{ reference: string; micros: bigint }[]>`
        select reference, micros from credits.ledger_entry where account = ${account} order by id`
      const references = entries.map(({ reference }) => reference.replace(/:.*:/, ' '))
      return { references, balanceMicros: entries.reduce((sum, { micros }) => sum + micros, 0n) }
    },
    async events(account) {
      const rows = await sql<{ kind: string }[]>`
        select kind from credits.outbox_event where account = ${account} order by id`
      return rows.map(({ kind }) => kind)
    },
    async differences() {
      const found: string[] = []
      await verifyBooks(sql, (step) => {
        if (step.kind === 'difference') found.push(JSON.stringify(step.difference))
      })
      return found
    },
  }
}

import { pino } from 'pino'
import { openEndpoints } from '../billing/chain/rpc/rpcEndpoint.ts'
import type { ChainConfig, Config } from '../billing/config/config.ts'
import { formatFaults, parseSettings } from '../billing/config/parseSettings.ts'
import type { GateDeps } from '../billing/gate/gateDeps.ts'
import { openGate } from '../billing/gate/open/openGate.ts'
import { createMetrics } from '../billing/health/createMetrics.ts'
import { probeTraces } from '../supervisor/probeTraces.ts'
import { BadSettings, type Terminal } from './cli.ts'
import { withDatabase } from './withDatabase.ts'

/**
 * Runs `work` with the gate's own dependencies, as the service has them: needs all settings, and the RPCs. A running
 * service keeps its own gate; whatever both do at once takes effect once.
 */
export async function withGate<T>(
  terminal: Terminal,
  work: (deps: GateDeps, config: Config) => Promise<T>,
): Promise<T> {
  const parsed = parseSettings(terminal.env, { stdoutIsTerminal: terminal.interactive })
  if (!parsed.ok) throw new BadSettings(formatFaults(parsed.faults))
  return withDatabase(terminal, async (sql) => {
    const chains = await Promise.all(
      parsed.config.chains.map((chain) => withPossibleDetection(chain, terminal)),
    )
    const config = { ...parsed.config, chains }
    // The command's answer says what happened; nobody would read a log beside it.
    const observers = { logger: pino({ level: 'silent' }), metrics: createMetrics() }
    const gate = await openGate(config, sql, observers)
    switch (gate.kind) {
      case 'open':
        return work(gate.deps, config)
      case 'wrong':
        throw new BadSettings(gate.detail)
      case 'unavailable':
        throw new Error(gate.detail)
    }
  })
}

/** As the supervisor does for the service: with an RPC without traces, only top-level payments are looked for. */
async function withPossibleDetection(chain: ChainConfig, terminal: Terminal): Promise<ChainConfig> {
  if (chain.ethDetection === 'transactions') return chain
  const endpoints = openEndpoints(chain.rpcUrls)
  if ((await probeTraces(endpoints, chain.chainId)) !== 'unsupported') return chain
  terminal.complain(
    `The RPC of chain ${chain.chainId} has no debug_trace: internal ETH payments are not seen.`,
  )
  return { ...chain, ethDetection: 'transactions' }
}

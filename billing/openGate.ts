import type { Logger } from 'pino'
import { type ChainReader, createChainReader } from './chain/chainReader.ts'
import { openEndpoints } from './chain/openEndpoints.ts'
import type { EvidenceContext } from './chain/readEvidence.ts'
import type { RpcEndpoint } from './chain/rpcEndpoint.ts'
import type { ChainConfig, Config } from './config/config.ts'
import type { Sql } from './database/connect.ts'
import { checkChainIds } from './gate/checkChainIds.ts'
import type { GateChain, GateDeps } from './gate/gateDeps.ts'
import { type OpenRails, openRails } from './gate/openRails.ts'
import { reportGate } from './gate/reportGate.ts'
import { loggableError } from './log/loggableError.ts'
import type { Metrics } from './metrics/createMetrics.ts'

export type OpenGateResult =
  | { kind: 'open'; deps: GateDeps; rails: OpenRails['rails'] }
  | { kind: 'wrong'; detail: string }
  | { kind: 'unavailable'; detail: string }

/** Puts the gate together from the settings: RPC endpoints, readers, tokens. Opens connections to the RPCs. */
export async function openGate(
  config: Config,
  sql: Sql,
  { logger, metrics }: { logger: Logger; metrics: Metrics },
): Promise<OpenGateResult> {
  const endpoints = new Map(config.chains.map((chain) => [chain.chainId, endpointsOf(chain, metrics)]))
  const wrongChain = await checkChainIds(sql, endpoints)
  if (wrongChain !== null) return { kind: 'wrong', detail: wrongChain }
  const opened = await openRails(sql, config, endpoints)
  if (opened.kind !== 'open') return opened
  const chains = config.chains.map((chain): GateChain => {
    const reader: ChainReader = createChainReader(
      endpoints.get(chain.chainId) ?? [],
      contextOf(config, chain),
    )
    return { chainId: chain.chainId, confirmations: chain.confirmations, reader }
  })
  const deps: GateDeps = {
    sql,
    clock: () => new Date(),
    chains: new Map(chains.map((chain) => [chain.chainId, chain])),
    rails: opened.open.rails,
    pricing: config.pricing,
    axgtDecimals: opened.open.axgtDecimals,
    report: reportGate(logger, metrics, (error) => loggableError(error, config)),
  }
  return { kind: 'open', deps, rails: opened.open.rails }
}

function endpointsOf({ chainId, rpcUrls }: ChainConfig, metrics: Metrics): RpcEndpoint[] {
  return openEndpoints(rpcUrls, {
    onRequest: ({ method, outcome }) =>
      metrics.rpcRequestsTotal.inc({ chain: String(chainId), method, outcome }),
  })
}

function contextOf(config: Config, chain: ChainConfig): EvidenceContext {
  const rails = config.rails.filter(({ chainId }) => chainId === chain.chainId)
  return {
    chainId: chain.chainId,
    wallet: config.revenueWallet,
    tokens: new Map(rails.flatMap(({ asset, token }) => (token === null ? [] : [[token, asset] as const]))),
    axgtToken: chain.axgtToken,
    ethDetection: chain.ethDetection,
  }
}

import type { Logger } from 'pino'
import { type ChainReader, createChainReader } from '../../chain/chainReader.ts'
import type { OracleSources, PoolSource } from '../../chain/contracts/readOracle.ts'
import type { EvidenceContext } from '../../chain/proof/evidence.ts'
import { openEndpoints, type RpcEndpoint } from '../../chain/rpc/rpcEndpoint.ts'
import type { ChainConfig, Config } from '../../config/config.ts'
import type { Sql } from '../../database/connect.ts'
import type { Metrics } from '../../health/createMetrics.ts'
import { loggableError } from '../../log/loggableError.ts'
import { meterLimits } from '../../metering/meterSessions.ts'
import type { GateChain, GateDeps } from '../gateDeps.ts'
import { reportGate } from '../reportGate.ts'
import { openPools } from './openPools.ts'
import { checkChainIds, type OpenRails, openRails } from './openRails.ts'

export type OpenGateResult =
  | { kind: 'open'; deps: GateDeps; rails: OpenRails['rails'] }
  | { kind: 'wrong'; detail: string }
  | { kind: 'unavailable'; detail: string }

export type OpenedGate = Extract<OpenGateResult, { kind: 'open' }>

/** Assembles the gate from the settings: RPC endpoints, readers, tokens. Opens connections to the RPCs. */
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
  const { axgtDecimals } = opened.open
  const pools = await openPools(sql, config, endpoints, axgtDecimals)
  if (pools.kind !== 'open') return pools
  const chains = config.chains.map((chain): GateChain => {
    const reader: ChainReader = createChainReader(
      endpoints.get(chain.chainId) ?? [],
      contextOf(config, chain, pools.pools.get(chain.chainId) ?? null),
      chain,
    )
    const setup = { wallet: config.revenueWallet, ethDetection: chain.ethDetection }
    const { chainId, confirmations, startBlock } = chain
    return { chainId, confirmations, startBlock, setup, reader }
  })
  warnOfUnguardedPrices(config, logger)
  const deps: GateDeps = {
    sql,
    clock: () => new Date(),
    chains: new Map(chains.map((chain) => [chain.chainId, chain])),
    rails: opened.open.rails,
    pricing: config.pricing,
    axgtDecimals,
    meterLimits: meterLimits(config),
    pricesLookedAt: new Map(),
    searchedTo: new Map(),
    sightAgain: new Map(),
    report: reportGate(logger, metrics, (error) => loggableError(error, config)),
  }
  return { kind: 'open', deps, rails: opened.open.rails }
}

/** L2s known to have a sequencer. While it is down, prices are stale and nobody can act on them. */
const CHAINS_WITH_SEQUENCER = new Set([10, 8453, 42161])

function warnOfUnguardedPrices({ chains, pricing }: Config, logger: Logger): void {
  if (pricing.eth.mode === 'fixed' && pricing.axgt.mode === 'fixed') return
  for (const { chainId, sequencerFeed, ethUsdFeed } of chains) {
    if (ethUsdFeed === null || sequencerFeed !== null || !CHAINS_WITH_SEQUENCER.has(chainId)) continue
    logger.warn(
      { chainId },
      `SEQUENCER_FEED_${chainId} is not set: an outage of the sequencer goes unnoticed`,
    )
  }
}

function endpointsOf({ chainId, rpcUrls }: ChainConfig, metrics: Metrics): RpcEndpoint[] {
  return openEndpoints(rpcUrls, {
    onRequest: ({ method, outcome }) =>
      metrics.rpcRequestsTotal.inc({ chain: String(chainId), method, outcome }),
  })
}

function contextOf(config: Config, chain: ChainConfig, pool: PoolSource | null): EvidenceContext {
  const rails = config.rails.filter(({ chainId }) => chainId === chain.chainId)
  return {
    chainId: chain.chainId,
    wallet: config.revenueWallet,
    tokens: new Map(rails.flatMap(({ asset, token }) => (token === null ? [] : [[token, asset] as const]))),
    axgtToken: chain.axgtToken,
    ethDetection: chain.ethDetection,
    oracle: oracleSourcesOf(config, chain, pool),
  }
}

/** null where nothing on the chain is sold at a market price. */
function oracleSourcesOf(
  { pricing }: Config,
  { ethUsdFeed, sequencerFeed }: ChainConfig,
  pool: PoolSource | null,
): OracleSources | null {
  const pricesEth = pricing.eth.mode === 'chainlink'
  if (ethUsdFeed === null || (!pricesEth && pool === null)) return null
  const twapSeconds = pricing.axgt.mode === 'twap' ? pricing.axgt.twapSeconds : 0
  return { ethUsdFeed, sequencerFeed, pool, twapSeconds, pricesEth, pricesAxgt: pool !== null }
}

import type { ChainReader } from '../../chain/chainReader.ts'
import { createRpcEndpoint } from '../../chain/rpc/rpcEndpoint.ts'
import { pause } from '../../clock/createWaker.ts'
import type { ChainConfig, Config } from '../../config/config.ts'
import type { Sql } from '../../database/connect.ts'
import { loggableError } from '../../log/loggableError.ts'
import type { GateChain } from '../gateDeps.ts'
import { findSharedProviders } from './findSharedProviders.ts'
import {
  type GateObservers,
  gateWithoutChains,
  type OpenedGate,
  type OpenGateResult,
  openChainEndpoints,
  openGate,
} from './openGate.ts'

/** A gate whose chains open one by one, each when its RPCs have said what its first start needs. */
export interface OpeningGate extends OpenedGate {
  /** Why a chain has not opened yet, by chain id. */
  starting: ReadonlyMap<number, string>
  /** Settled when every chain has been tried once: a sentence where a setting must be changed, else null. */
  tried: Promise<string | null>
}

const RETRY_MS = 1_000
const MAX_RETRY_MS = 5_000

/**
 * Opens the gate at once, and its chains as they answer: RPCs that are wrong or away keep neither the other chains nor what needs
 * no chain (balances, heartbeats, the page) from being served. Until a chain is open every question to it is answered
 * `unavailable`, so nothing is seen, judged or quoted there, and what already waits goes on waiting.
 */
export function openByChain(
  config: Config,
  sql: Sql,
  observers: GateObservers,
  stop: AbortSignal,
): OpeningGate {
  const starting = new Map(config.chains.map(({ chainId }) => [chainId, 'its RPCs are being asked']))
  const rails: OpenedGate['rails'] = new Map()
  const axgtDecimals = new Map<number, number>()
  const chains = new Map<number, GateChain>()
  const endpoints = openChainEndpoints(config, observers)

  async function open(chain: ChainConfig, reader: LateReader, onTried: (why: string | null) => void) {
    const { chainId } = chain
    const one = onlyWith(config, chain)
    const ofChain = new Map([[chainId, endpoints.get(chainId) ?? []]])
    for (let pauseMs = RETRY_MS; !stop.aborted; pauseMs = Math.min(pauseMs * 2, MAX_RETRY_MS)) {
      const opened = await openAnswering(one, sql, observers, ofChain).catch((error: unknown) => {
        observers.logger.error(
          { chainId, error: loggableError(error, config) },
          'a chain could not be opened',
        )
        return { kind: 'unavailable' as const, detail: 'the database cannot be read' }
      })
      if (stop.aborted) return
      if (opened.kind === 'open') {
        const now = opened.deps.chains.get(chainId)
        if (now === undefined) throw new Error(`chain ${chainId} was opened without a chain`)
        for (const [rail, is] of opened.rails) rails.set(rail, is)
        for (const [id, decimals] of opened.deps.axgtDecimals) axgtDecimals.set(id, decimals)
        // Last: what is asked of the chain from here on is answered, and needs the rails.
        reader.become(now.reader)
        if (starting.delete(chainId)) observers.logger.info({ chainId }, 'the chain is open')
        return onTried(null)
      }
      if (starting.get(chainId) !== opened.detail) {
        observers.logger.warn({ chainId, why: opened.detail }, 'waiting for the chain')
      }
      starting.set(chainId, opened.detail)
      onTried(opened.kind === 'wrong' ? opened.detail : null)
      await pause(pauseMs, stop)
    }
  }

  for (const chain of config.chains) {
    void warnOfSharedProviders(chain, observers)
  }
  const tried = Promise.all(
    config.chains.map((chain) => {
      const { chainId, confirmations, startBlock, ethDetection } = chain
      const reader = lateReader(() => starting.get(chainId) ?? 'the chain is being opened')
      const setup = { wallet: config.revenueWallet, ethDetection }
      chains.set(chainId, { chainId, confirmations, startBlock, setup, reader: reader.reader })
      return new Promise<string | null>((resolve, reject) => void open(chain, reader, resolve).catch(reject))
    }),
  ).then((whys) => whys.find((why) => why !== null) ?? null)
  const deps = { ...gateWithoutChains(config, sql, observers), chains, rails, axgtDecimals }
  return { kind: 'open', deps, rails, starting, tried }
}

/** Two that are one confirm each other's lies: with them, "all must agree" says nothing. */
async function warnOfSharedProviders({ chainId, rpcUrls }: ChainConfig, { logger }: GateObservers) {
  if (rpcUrls.length < 2) return
  const rpcs = rpcUrls.map((url, index) => ({
    url,
    endpoint: createRpcEndpoint(url, { position: index + 1 }),
  }))
  for (const { positions, why } of await findSharedProviders(rpcs)) {
    logger.warn(
      { chainId, urls: positions, why },
      `RPC_URL_${chainId}: URLs ${positions.join(' and ')} seem to be one provider; they confirm nothing of each other`,
    )
  }
}

/** A chain on which nothing was ever done must have answered once: with ETH alone, nothing else would be asked of it. */
async function openAnswering(...given: Required<Parameters<typeof openGate>>): Promise<OpenGateResult> {
  const opened = await openGate(...given)
  const [{ chains }, sql] = given
  if (opened.kind !== 'open') return opened
  for (const { chainId } of chains) {
    const worked = await sql`select from credits.chain_status where chain_id = ${chainId}`
    const head = worked.length > 0 ? null : await opened.deps.chains.get(chainId)?.reader.readHead()
    if (head?.kind === 'unavailable') return { kind: 'unavailable', detail: head.problem }
  }
  return opened
}

function onlyWith(config: Config, chain: ChainConfig): Config {
  return {
    ...config,
    chains: [chain],
    rails: config.rails.filter(({ chainId }) => chainId === chain.chainId),
  }
}

interface LateReader {
  reader: ChainReader
  become(real: ChainReader): void
}

/** A reader of a chain that cannot be read until it becomes a real one. */
function lateReader(why: () => string): LateReader {
  const unavailable = () => ({ kind: 'unavailable' as const, detail: why() })
  let current: ChainReader = {
    readHead: async () => ({ kind: 'unavailable', problem: why() }),
    readCanonicalHash: async () => unavailable(),
    readEvidence: async () => unavailable(),
    locate: async () => unavailable(),
    preview: async () => ({ kind: 'unavailable' }),
    findTransfers: async () => {
      throw new Error(why())
    },
    readEtherGain: async () => unavailable(),
    readTimestamp: async () => null,
    readAxgtBalances: async () => unavailable(),
    readOracle: async () => unavailable(),
    checkSignature: async () => unavailable(),
  }
  return {
    reader: {
      readHead: () => current.readHead(),
      readCanonicalHash: (blockNumber) => current.readCanonicalHash(blockNumber),
      readEvidence: (request) => current.readEvidence(request),
      locate: (txHash) => current.locate(txHash),
      preview: (txHash) => current.preview(txHash),
      findTransfers: (range) => current.findTransfers(range),
      readEtherGain: (block) => current.readEtherGain(block),
      readTimestamp: (blockNumber) => current.readTimestamp(blockNumber),
      readAxgtBalances: (holders, blockNumber) => current.readAxgtBalances(holders, blockNumber),
      readOracle: (blockNumber) => current.readOracle(blockNumber),
      checkSignature: (question) => current.checkSignature(question),
    },
    become(real) {
      current = real
    },
  }
}

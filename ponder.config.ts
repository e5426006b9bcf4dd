import { createConfig } from 'ponder'
import { transferAbi } from './abis/transferAbi.ts'
import type { Asset, ChainConfig, Config } from './billing/config/config.ts'
import { formatFaults, parseSettings } from './billing/config/parseSettings.ts'

// What the indexer watches, from the same settings as everything else. One chain is named by its id, so that Ponder's own
// tables, metrics and log lines speak of chains as we do.

const parsed = parseSettings(process.env, { stdoutIsTerminal: false })
if (!parsed.ok) throw new Error(formatFaults(parsed.faults))
const config: Config = parsed.config

/**
 * Ponder begins with 20 requests a second for each URL, which is for providers that count. A local chain does not, and its
 * blocks may come every few milliseconds: the same URL several times over lifts the limit.
 */
const LOCAL_CHAIN_ID = 31_337
const LOCAL_URL_COPIES = 8

function isHttp(url: string): boolean {
  return /^https?:/i.test(url)
}

function describeChain({ chainId, rpcUrls }: ChainConfig) {
  const http = rpcUrls.filter(isHttp)
  const ws = rpcUrls.find((url) => !isHttp(url))
  return {
    id: chainId,
    rpc:
      chainId === LOCAL_CHAIN_ID
        ? http.flatMap((url) => Array(LOCAL_URL_COPIES).fill(url) as string[])
        : http,
    // The supervisor takes a subscription away that has gone silent; polling then does its work.
    ...(ws !== undefined && process.env[`INDEXER_POLLS_${chainId}`] !== '1' ? { ws } : {}),
    pollingInterval: config.pollIntervalMs,
    // Anvil knows its blocks by number only as long as nothing is reorganised: a cache would mix two local chains.
    disableCache: chainId === LOCAL_CHAIN_ID,
  }
}

function startOf(chainId: number) {
  const chain = config.chains.find((candidate) => candidate.chainId === chainId)
  if (!chain) throw new Error(`chain ${chainId} has a rail but no settings`)
  return { startBlock: Number(chain.startBlock) }
}

function tokenOn(asset: Asset) {
  const rails = config.rails.filter((rail) => rail.asset === asset)
  return Object.fromEntries(
    rails.map(({ chainId, token }) => {
      if (token === null) throw new Error(`${asset} on chain ${chainId} has no token address`)
      return [String(chainId), { address: token, ...startOf(chainId) }]
    }),
  )
}

function walletOn(detection: ChainConfig['ethDetection']) {
  const chains = config.chains.filter(
    ({ chainId, ethDetection }) =>
      ethDetection === detection &&
      config.rails.some((rail) => rail.asset === 'eth' && rail.chainId === chainId),
  )
  return Object.fromEntries(chains.map(({ chainId }) => [String(chainId), startOf(chainId)]))
}

const toWallet = { event: 'Transfer', args: { to: config.revenueWallet } } as const

export default createConfig({
  database: { kind: 'postgres', poolConfig: { max: 10, application_name: 'indexer' } },
  // Each chain goes on when another one's RPC is down.
  ordering: 'multichain',
  chains: Object.fromEntries(config.chains.map((chain) => [String(chain.chainId), describeChain(chain)])),
  contracts: {
    Usdc: { abi: transferAbi, chain: tokenOn('usdc'), filter: toWallet },
    Axgt: { abi: transferAbi, chain: tokenOn('axgt'), filter: toWallet },
  },
  accounts: {
    /** Sees internal payments, at the price of one trace of each block. */
    TracedWallet: { address: config.revenueWallet, chain: walletOn('traces') },
    /** Sees the value of transactions only, for RPCs without debug_trace. */
    PlainWallet: { address: config.revenueWallet, chain: walletOn('transactions') },
  },
})

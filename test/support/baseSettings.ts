import { randomBytes } from 'node:crypto'
import { freePort } from '../../supervisor/freePort.ts'

/** What the settings need to know of a chain; a TestChain is one. */
export interface SettingsChain {
  chainId: number
  rpcUrl: string
  accounts: { revenue: string }
}

export interface BaseSettingsOptions {
  chains: [SettingsChain, ...SettingsChain[]]
  databaseUrl: string
  /** Addresses per chain id; a chain without a token has no rail for it. */
  tokens?: Record<number, { usdc?: { address: string }; axgt?: { address: string } }>
  /** RPC URLs to use in place of a chain's own: a proxy, or several, comma-separated. */
  rpcUrls?: Record<number, string>
  /** Put over the rest. An empty value unsets. */
  overrides?: Record<string, string>
}

export type ServiceSettings = Record<string, string>

/**
 * The environment of a service pointed at test chains: every rail that the chains have, fixed pricing, fresh keys, a
 * free port, quick polling, and a rate limit that is in nobody's way.
 */
export async function baseSettings(options: BaseSettingsOptions): Promise<ServiceSettings> {
  const { chains, databaseUrl, tokens = {}, rpcUrls = {}, overrides = {} } = options
  const port = await freePort()
  const rails: string[] = []
  const perChain: ServiceSettings = {}
  for (const { chainId, rpcUrl } of chains) {
    const { usdc, axgt } = tokens[chainId] ?? {}
    rails.push(`eth:${chainId}`)
    if (usdc) rails.push(`usdc:${chainId}`)
    if (axgt) rails.push(`axgt:${chainId}`)
    perChain[`RPC_URL_${chainId}`] = rpcUrls[chainId] ?? rpcUrl
    perChain[`START_BLOCK_${chainId}`] = '0'
    if (usdc) perChain[`USDC_ADDRESS_${chainId}`] = usdc.address
    if (axgt) perChain[`AXGT_ADDRESS_${chainId}`] = axgt.address
  }
  return {
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: `http://localhost:${port}`,
    RAILS: rails.join(','),
    ...perChain,
    REVENUE_WALLET: chains[0].accounts.revenue,
    AXGT_PRICING: 'fixed',
    // Asked for by those that set another pricing.
    AXGT_DAILY_CAP_MINUTES: 'none',
    SERVICE_API_KEY: `service-${randomBytes(24).toString('hex')}`,
    ADMIN_API_KEY: `admin-${randomBytes(24).toString('hex')}`,
    POLL_INTERVAL_MS: '100',
    RATE_LIMIT_PER_MINUTE: '100000',
    LOG_LEVEL: 'info',
    LOG_FORMAT: 'json',
    ...overrides,
  }
}

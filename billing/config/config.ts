import type { Address } from 'viem'

/** A key that events are signed with: its text as given, which must never be printed, and its bytes. */
export interface WebhookSecret {
  text: string
  key: Buffer
}

/** The assets people pay with. */
export type Asset = 'eth' | 'usdc' | 'axgt'

/** A way to pay: an asset on a chain, `asset:chainId`, for example `usdc:8453`. */
export type Rail = `${Asset}:${number}`

/** An exact, non-negative rational: what a decimal setting such as `0.0005` becomes. No float ever touches money. */
export interface Fraction {
  numerator: bigint
  denominator: bigint
}

/** One enabled rail. `token` is null for ETH. Addresses are lower-case everywhere in this project. */
export interface RailConfig {
  rail: Rail
  asset: Asset
  chainId: number
  token: Address | null
}

/** One chain named by `RAILS`. */
export interface ChainConfig {
  chainId: number
  /** http(s) and ws(s) URLs. With several, the gate credits only what they agree on. May hold credentials: never log. */
  rpcUrls: string[]
  /** First block the indexer looks at. */
  startBlock: bigint
  /** head − block + 1 that a deposit needs before it is credited. */
  confirmations: number
  /** The AXGT token that decides the tier on this chain; null where AXGT does not exist (everyone is tier 0 there). */
  axgtToken: Address | null
  /** `ETH_DETECTION_<chainId>`, else `ETH_DETECTION`: how ETH is found and proven on this chain. */
  ethDetection: EthDetection
  /** Chainlink's ETH/USD feed on this chain; null: none is known. */
  ethUsdFeed: Address | null
  /** Chainlink's sequencer-uptime feed of an L2; null: not asked. */
  sequencerFeed: Address | null
  /** The Uniswap v3 pool of AXGT and WETH; null: none is known. */
  axgtPool: Address | null
  /** WETH, which the pool's other token must be; null: not known, so only obviously wrong tokens are refused. */
  weth: Address | null
}

/** A discount tier: everyone who holds at least `minimumAxgt` whole AXGT has `discountPercent` off the ETH price. */
export interface Tier {
  minimumAxgt: bigint
  discountPercent: Fraction
}

/** How ETH is priced: at the operator's rate, or at Chainlink's ETH/USD at the deposit's block. */
export type EthPricing = { mode: 'fixed'; minutesPerEth: Fraction } | { mode: 'chainlink' }

/** How AXGT is priced: at the operator's rate, or at the pool's TWAP times ETH/USD at the deposit's block. */
export type AxgtPricing =
  | { mode: 'fixed'; minutesPer100: Fraction }
  | {
      mode: 'twap'
      twapSeconds: number
      /** How far the TWAP may be from a slower one, and from the price's own history. */
      maxDeviationPercent: Fraction
      /** The pool's depth below which its price is not trusted: virtual WETH reserve, harmonic mean over the TWAP. */
      minimumLiquidityEth: Fraction
    }

/** What a rail is worth. Units are in the names; every number is exact. */
export interface PricingConfig {
  usdPerHour: Fraction
  /** How old the answer of the ETH/USD feed may be at the block it is used for. */
  ethUsdMaxAgeSeconds: number
  eth: { minimumEth: Fraction } & EthPricing
  usdc: { minimumUsdc: Fraction }
  axgt: {
    minimumAxgt: Fraction
    bonusPercent: Fraction
    /** The most credited through all AXGT rails in a UTC day; null: no limit, which at `twap` somebody has chosen. */
    dailyCapMicros: bigint | null
  } & AxgtPricing
  /** Rising, the first at 0 AXGT. */
  tiers: Tier[]
}

/** `traces` sees internal payments too (Safes, forwarders); `transactions` only top-level sends. */
export type EthDetection = 'traces' | 'transactions'

/** All settings of the service, parsed and checked once. Secrets in it are never logged. */
export interface Config {
  /** null: the embedded PostgreSQL under `dataDir`. */
  databaseUrl: string | null
  /** Absolute path. */
  dataDir: string
  host: string
  port: number
  /** Without a trailing slash. */
  publicUrl: string
  /** Where a separately running indexer serves GraphQL, without a trailing slash; null: none is known. */
  indexerUrl: string | null
  /** The gate's safety-net timer and the indexer's polling interval. */
  pollIntervalMs: number
  revenueWallet: Address
  rails: RailConfig[]
  chains: ChainConfig[]
  /** What chains without their own setting use; read `ChainConfig.ethDetection` for a chain. */
  ethDetection: EthDetection
  pricing: PricingConfig
  /** Profile name → GPUs. */
  profiles: Record<string, number>
  sessions: {
    heartbeatIntervalSeconds: number
    heartbeatTimeoutSeconds: number
    graceMinutes: number
    gracePercent: number
    lowBalanceMinutes: number
  }
  storage: { minutesPerGibHour: Fraction; debtLimitMinutes: number }
  serviceApiKey: string
  adminApiKey: string
  webhook: {
    url: string
    /** The newest first; two while the receiver changes over. */
    secrets: WebhookSecret[]
    /** Whether the URL may point to this machine or network: never where anybody but the operator can choose it. */
    allowPrivate: boolean
  } | null
  /** How long events and their delivery log are kept. */
  eventRetentionDays: number
  rateLimitPerMinute: number
  /** How many proxies in front of us are trusted to report the client's address; 0 trusts none. */
  trustProxy: number
  /** `service`: /metrics needs the service or the admin key. */
  metricsAccess: 'any' | 'service'
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
  logFormat: 'pretty' | 'json'
}

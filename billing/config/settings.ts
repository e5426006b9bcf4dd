import { type Setting, setting } from './setting.ts'
import { decimal, integer, orNone, profiles, tiers } from './shapes/numbers.ts'
import { databaseUrl, publicUrl, rpcUrls, webhookUrl, webUrl } from './shapes/urls.ts'
import { address, oneOf, rails, text, webhookSecrets } from './shapes/words.ts'

const { required, withDefault, optional } = setting

const folder = text(/^.{1,4000}$/, 'a folder, absolute or relative to the working directory')
const hostName = text(
  /^[A-Za-z0-9._:-]{1,255}$/,
  'an IP address or host name of this machine, such as `0.0.0.0`',
)
// The keys travel in an HTTP header, which carries no spaces and no letters beyond ASCII.
const apiKey = text(/^[\x21-\x7e]{32,512}$/, '32 to 512 visible ASCII characters')
const ethDetection = oneOf(['traces', 'transactions'])
const confirmations = integer(1, 64)
const blockNumber = integer(0, Number.MAX_SAFE_INTEGER)
// The TWAP is compared with one at least twice as long, and that is over 24 hours at most.
const twapSeconds = integer(60, 43_200)
// In micros this stays far below 2^63, so sums of credits fit into a bigint.
const dailyCapMinutes = orNone(integer(1, 1_000_000_000))

/**
 * Every setting that is read once. Together with `chainSettings` this is the table: the parser, `.env.example` and the
 * README list exactly these rows in this order, which a test compares.
 */
export const settings = {
  databaseUrl: optional(
    'DATABASE_URL',
    databaseUrl,
    'PostgreSQL to use; empty: an embedded PostgreSQL under `DATA_DIR`.',
    { secret: true, defaultInWords: 'empty: embedded PostgreSQL' },
  ),
  dataDir: withDefault('DATA_DIR', '.data', folder, 'Folder of the embedded PostgreSQL.'),
  host: withDefault('HOST', '127.0.0.1', hostName, 'Address the HTTP server listens on.'),
  port: withDefault('PORT', '8080', integer(0, 65535), 'Port the HTTP server listens on; 0: any free one.'),
  publicUrl: withDefault(
    'PUBLIC_URL',
    'http://localhost:8080',
    publicUrl,
    'Where people reach the service from outside; its host is what they sign in to.',
  ),
  rails: withDefault('RAILS', 'eth:1,usdc:1,axgt:1', rails, 'Ways to pay, `asset:chainId`.'),
  revenueWallet: required('REVENUE_WALLET', address, 'The wallet that payments go to, on every chain.'),
  confirmations: withDefault(
    'CONFIRMATIONS',
    '6',
    confirmations,
    'Confirmations before a deposit is credited; its own block counts as the first.',
  ),
  ethDetection: withDefault(
    'ETH_DETECTION',
    'traces',
    ethDetection,
    '`traces` sees internal payments (Safes) and needs debug_trace; `transactions` sees top-level payments only.',
  ),
  usdPerHour: withDefault(
    'USD_PER_HOUR',
    '1',
    decimal({ above: 0n, atMost: 1_000_000n }),
    'Price of an hour of one GPU in USD, for USDC and for live prices.',
  ),
  ethPricing: withDefault(
    'ETH_PRICING',
    'fixed',
    oneOf(['fixed', 'chainlink']),
    "How ETH is priced: at `ETH_MINUTES_PER_ETH`, or at Chainlink's ETH/USD at the deposit's block.",
  ),
  ethUsdMaxAgeSeconds: withDefault(
    'ETH_USD_MAX_AGE_SECONDS',
    '7200',
    integer(1, 604_800),
    'How old the answer of `ETH_USD_FEED_<chainId>` may be at the block it is used for.',
  ),
  ethMinutesPerEth: withDefault(
    'ETH_MINUTES_PER_ETH',
    '120000',
    decimal({ above: 0n, atMost: 1_000_000_000_000n }),
    'Minutes for 1 ETH before the discount, with `ETH_PRICING=fixed`.',
  ),
  ethMinimum: withDefault(
    'ETH_MIN_DEPOSIT',
    '0.0005',
    decimal({ above: 0n, atMost: 1_000_000n }),
    'Smallest deposit in ETH before the discount, which lowers it too.',
  ),
  usdcMinimum: withDefault(
    'USDC_MIN_DEPOSIT',
    '1',
    decimal({ above: 0n, atMost: 1_000_000_000n }),
    'Smallest deposit in USDC.',
  ),
  axgtPricing: withDefault(
    'AXGT_PRICING',
    'twap',
    oneOf(['twap', 'fixed']),
    'How AXGT is priced: at the TWAP of its pool times ETH/USD, or at `AXGT_MINUTES_PER_100`.',
  ),
  axgtTwapSeconds: withDefault(
    'AXGT_TWAP_SECONDS',
    '1800',
    twapSeconds,
    "How many seconds the TWAP goes back from the deposit's block.",
  ),
  axgtMaxDeviationPercent: withDefault(
    'AXGT_MAX_DEVIATION_PERCENT',
    '25',
    decimal({ above: 0n, atMost: 1_000n }),
    'How far the TWAP may be from a slower one, from the median of a day and from other credits of a day; beyond that, deposits are held.',
  ),
  axgtMinimumLiquidityEth: withDefault(
    'AXGT_MIN_LIQUIDITY_ETH',
    '0.1',
    decimal({ atLeast: 0n, atMost: 1_000_000_000n }),
    'Depth of the pool (its virtual WETH reserve) below which its price is not trusted.',
  ),
  axgtDailyCapMinutes: optional(
    'AXGT_DAILY_CAP_MINUTES',
    dailyCapMinutes,
    'The most minutes credited through AXGT in a UTC day, `none` for no limit; required with an AXGT rail at `twap`.',
  ),
  axgtMinutesPer100: withDefault(
    'AXGT_MINUTES_PER_100',
    '60',
    decimal({ above: 0n, atMost: 1_000_000_000_000n }),
    'Minutes for 100 AXGT before the bonus, with `AXGT_PRICING=fixed`.',
  ),
  axgtMinimum: withDefault(
    'AXGT_MIN_DEPOSIT',
    '100',
    decimal({ above: 0n, atMost: 1_000_000_000_000n }),
    'Smallest deposit in AXGT.',
  ),
  axgtBonusPercent: withDefault(
    'AXGT_BONUS_PERCENT',
    '25',
    decimal({ atLeast: 0n, atMost: 1_000n }),
    'Added to the minutes of an AXGT deposit, in percent.',
  ),
  tiers: withDefault(
    'AXGT_DISCOUNT_TIERS',
    '0:0,100:5,1000:10,10000:15,100000:25',
    tiers,
    "Discount on ETH by whole AXGT held at the deposit's block.",
  ),
  profiles: withDefault(
    'PROFILES',
    'small:1,medium:2,large:4,max:8',
    profiles,
    'Desktop profiles and their GPUs.',
  ),
  heartbeatIntervalSeconds: withDefault(
    'HEARTBEAT_INTERVAL_SECONDS',
    '30',
    integer(1, 3_600),
    'How often a desktop reports that it runs.',
  ),
  heartbeatTimeoutSeconds: withDefault(
    'HEARTBEAT_TIMEOUT_SECONDS',
    '120',
    integer(2, 86_400),
    'Silence after which a session is ended; longer than the interval.',
  ),
  graceMinutes: withDefault(
    'GRACE_MINUTES',
    '120',
    integer(0, 10_080),
    'Minutes of one GPU that sessions may run on at zero balance, unbilled, until the next deposit.',
  ),
  gracePercent: withDefault(
    'GRACE_PERCENT',
    '10',
    integer(0, 100),
    'The most that may ever run unbilled, in percent of the minutes that deposits ever bought; 0: nothing.',
  ),
  lowBalanceMinutes: withDefault(
    'LOW_BALANCE_MINUTES',
    '10',
    integer(0, 100_000),
    'Minutes left at which a balance counts as low.',
  ),
  storageMinutesPerGibHour: withDefault(
    'STORAGE_MINUTES_PER_GIB_HOUR',
    '0.05',
    decimal({ atLeast: 0n, atMost: 1_000n }),
    'Minutes charged per stored GiB and hour while nothing runs.',
  ),
  storageDebtLimitMinutes: withDefault(
    'STORAGE_DEBT_LIMIT_MINUTES',
    '1440',
    integer(1, 10_000_000),
    'Debt at which volumes are due to be pruned.',
  ),
  serviceApiKey: required('SERVICE_API_KEY', apiKey, 'Bearer key of the desktop service.', { secret: true }),
  adminApiKey: required(
    'ADMIN_API_KEY',
    apiKey,
    'Bearer key of the operator; may do everything the service may.',
    {
      secret: true,
    },
  ),
  webhookUrl: optional(
    'WEBHOOK_URL',
    webhookUrl,
    'Where events are sent, by the Standard Webhooks specification.',
    {
      secret: true,
    },
  ),
  webhookSecret: optional(
    'WEBHOOK_SECRET',
    webhookSecrets,
    'Key that events are signed with; during a change, the new key and the old one.',
    { secret: true },
  ),
  webhookAllowPrivate: withDefault(
    'WEBHOOK_ALLOW_PRIVATE',
    'false',
    oneOf(['true', 'false']),
    'Whether events may be sent to a private or loopback address.',
  ),
  eventRetentionDays: withDefault(
    'EVENT_RETENTION_DAYS',
    '30',
    integer(1, 3_650),
    'How many days events and their delivery log are kept; undelivered events are kept longer.',
  ),
  rateLimitPerMinute: withDefault(
    'RATE_LIMIT_PER_MINUTE',
    '60',
    integer(1, 1_000_000),
    'Requests per minute and client address on public routes that cost RPC calls.',
  ),
  trustProxy: withDefault(
    'TRUST_PROXY',
    '0',
    integer(0, 10),
    "How many proxies in front are trusted to report the client's address.",
  ),
  metricsAccess: withDefault(
    'METRICS_ACCESS',
    'any',
    oneOf(['any', 'service']),
    'Who may read `/metrics`; `service`: holders of the service or the admin key.',
  ),
  pollIntervalMs: withDefault(
    'POLL_INTERVAL_MS',
    '1000',
    integer(100, 10_000),
    'How often the indexer and the gate look for new blocks unless something wakes them earlier.',
  ),
  indexerUrl: optional(
    'INDEXER_URL',
    webUrl,
    'Where a separately running indexer serves GraphQL; `npm start` fills it in for its own.',
  ),
  logLevel: withDefault(
    'LOG_LEVEL',
    'info',
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    'Least severe message that is logged.',
  ),
  logFormat: optional('LOG_FORMAT', oneOf(['pretty', 'json']), 'How messages are written.', {
    defaultInWords: '`pretty` on a terminal, else `json`',
  }),
} satisfies Record<string, Setting<unknown>>

/** Every setting that is read for each chain named by `RAILS`. */
export const chainSettings = {
  rpcUrls: required(
    'RPC_URL_<chainId>',
    rpcUrls,
    'RPC endpoints of the chain; with several, only what they agree on is credited.',
    { secret: true },
  ),
  startBlock: required('START_BLOCK_<chainId>', blockNumber, 'First block the indexer looks at.'),
  confirmations: optional('CONFIRMATIONS_<chainId>', confirmations, '`CONFIRMATIONS` for this chain.', {
    defaultInWords: '`CONFIRMATIONS`',
  }),
  ethDetection: optional('ETH_DETECTION_<chainId>', ethDetection, '`ETH_DETECTION` for this chain.', {
    defaultInWords: '`ETH_DETECTION`',
  }),
  usdcToken: optional(
    'USDC_ADDRESS_<chainId>',
    address,
    'USDC contract on the chain; required with a USDC rail.',
    {
      defaultTextByChain: {
        1: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
        8453: '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913',
      },
      defaultInWords: 'known for 1 and 8453',
    },
  ),
  axgtToken: optional(
    'AXGT_ADDRESS_<chainId>',
    address,
    'AXGT contract on the chain, which also decides the discount tier; required with an AXGT rail.',
    {
      defaultTextByChain: { 1: '0x6112C3509A8a787df576028450FebB3786A2274d' },
      defaultInWords: 'known for 1',
    },
  ),
  ethUsdFeed: optional(
    'ETH_USD_FEED_<chainId>',
    address,
    "Chainlink's ETH/USD; required with an ETH rail at `chainlink` and with an AXGT rail at `twap`.",
    {
      defaultTextByChain: {
        1: '0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419',
        8453: '0x71041dddad3595F9CEd3DcCFBe3D1F4b0a16Bb70',
      },
      defaultInWords: 'known for 1 and 8453',
    },
  ),
  sequencerFeed: optional(
    'SEQUENCER_FEED_<chainId>',
    address,
    "L2 only: Chainlink's sequencer-uptime feed, on 8453 `0xBCF85224fc0756B9Fa45aA7892530B47e10b6433`; empty: not asked.",
  ),
  axgtPool: optional(
    'AXGT_POOL_<chainId>',
    address,
    'Uniswap v3 pool of AXGT and WETH; required with an AXGT rail at `twap`.',
  ),
  weth: optional(
    'WETH_ADDRESS_<chainId>',
    address,
    'WETH contract on the chain; must be the other token of `AXGT_POOL_<chainId>`.',
    {
      defaultTextByChain: {
        1: '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2',
        8453: '0x4200000000000000000000000000000000000006',
      },
      defaultInWords: 'known for 1 and 8453',
    },
  ),
} satisfies Record<string, Setting<unknown>>

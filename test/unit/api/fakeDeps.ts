import pino from 'pino'
import type { Address, Hash } from 'viem'
import type { AppDeps, RailInfo } from '../../../billing/api/appDeps.ts'
import type { Config } from '../../../billing/config/config.ts'
import type { DepositView } from '../../../billing/deposits/depositViews.ts'
import type { TransactionView } from '../../../billing/desk/createDesk.ts'
import { createMetrics } from '../../../billing/health/createMetrics.ts'
import type { LedgerEntryView } from '../../../billing/ledger/listEntries.ts'
import type { MeteredSession, SessionView } from '../../../billing/metering/meterSessions.ts'
import type { AccountView } from '../../../billing/metering/readAccount.ts'
import type { VolumeView } from '../../../billing/metering/volumes.ts'
import type { OracleReading, PriceView } from '../../../billing/pricing/oracleReading.ts'
import { quote } from '../../../billing/pricing/quote.ts'

export const serviceKey = 'service-key-of-at-least-32-characters'
export const adminKey = 'admin-key-of-at-least-32-characters--'
/** The token of {@link wallet}, which is signed in. */
export const walletToken = 'token-of-a-wallet'
export const wallet: Address = '0x00000000000000000000000000000000000000aa'
export const knownHash: Hash = `0x${'1'.repeat(64)}`
export const pendingHash: Hash = `0x${'2'.repeat(64)}`
export const unrelatedHash: Hash = `0x${'3'.repeat(64)}`
export const failedHash: Hash = `0x${'4'.repeat(64)}`
export const unreachableHash: Hash = `0x${'5'.repeat(64)}`
export const unknownHash: Hash = `0x${'f'.repeat(64)}`

const whole = (integer: bigint) => ({ numerator: integer, denominator: 1n })
const usdcToken: Address = '0x00000000000000000000000000000000000000c0'

export const config: Config = {
  databaseUrl: 'postgres://credits:hunter2@127.0.0.1:5432/credits',
  indexerUrl: null,
  pollIntervalMs: 1000,
  dataDir: '/data',
  host: '127.0.0.1',
  port: 0,
  publicUrl: 'http://localhost:8080',
  revenueWallet: '0x00000000000000000000000000000000000000ee',
  rails: [
    { rail: 'eth:1', asset: 'eth', chainId: 1, token: null },
    { rail: 'usdc:1', asset: 'usdc', chainId: 1, token: usdcToken },
  ],
  chains: [
    {
      chainId: 1,
      rpcUrls: ['https://rpc.example/secret-key'],
      startBlock: 1n,
      confirmations: 6,
      axgtToken: null,
      ethDetection: 'traces',
      ethUsdFeed: null,
      sequencerFeed: null,
      axgtPool: null,
      weth: null,
    },
  ],
  ethDetection: 'traces',
  pricing: {
    usdPerHour: whole(1n),
    ethUsdMaxAgeSeconds: 3_900,
    eth: {
      mode: 'fixed',
      minutesPerEth: whole(120_000n),
      minimumEth: { numerator: 1n, denominator: 2000n },
    },
    usdc: { minimumUsdc: whole(1n) },
    axgt: {
      mode: 'fixed',
      minutesPer100: whole(60n),
      minimumAxgt: whole(100n),
      bonusPercent: whole(25n),
      dailyCapMicros: null,
    },
    tiers: [
      { minimumAxgt: 0n, discountPercent: whole(0n) },
      { minimumAxgt: 100n, discountPercent: whole(5n) },
    ],
  },
  profiles: { small: 1, max: 8 },
  sessions: {
    heartbeatIntervalSeconds: 30,
    heartbeatTimeoutSeconds: 120,
    graceMinutes: 120,
    gracePercent: 10,
    lowBalanceMinutes: 10,
  },
  storage: { minutesPerGibHour: { numerator: 1n, denominator: 20n }, debtLimitMinutes: 1440 },
  serviceApiKey: serviceKey,
  adminApiKey: adminKey,
  webhook: null,
  eventRetentionDays: 30,
  rateLimitPerMinute: 60,
  trustProxy: 0,
  metricsAccess: 'any',
  logLevel: 'info',
  logFormat: 'json',
}

export const rails: RailInfo[] = [
  {
    rail: 'eth:1',
    asset: 'eth',
    chainId: 1,
    token: null,
    decimals: 18,
    symbol: 'ETH',
    minimumBaseUnits: 500_000_000_000_000n,
    pricing: 'fixed',
  },
  {
    rail: 'usdc:1',
    asset: 'usdc',
    chainId: 1,
    token: usdcToken,
    decimals: 6,
    symbol: 'USDC',
    minimumBaseUnits: 1_000_000n,
    pricing: 'fixed',
  },
]

export const credited: DepositView = {
  id: `1-${knownHash}-usdc-${wallet}`,
  txHash: knownHash,
  chainId: 1,
  rail: 'usdc:1',
  payer: wallet,
  amountBaseUnits: 1_000_000n,
  state: 'credited',
  reason: null,
  detail: null,
  confirmations: 6,
  confirmationsRequired: 6,
  creditMicros: 3_600_000_000n,
  blockNumber: 100n,
  retryAt: null,
  blockTime: new Date('2025-01-01T00:00:00Z'),
  creditedAt: new Date('2025-01-01T00:01:00Z'),
}

export const held: DepositView = {
  ...credited,
  id: `1-${pendingHash}-usdc-${wallet}`,
  txHash: pendingHash,
  amountBaseUnits: 1n,
  state: 'held',
  reason: 'below_minimum',
  detail: 'for the operator: 1 of 1000000 base units',
  creditMicros: null,
  retryAt: new Date('2025-01-01T00:00:30Z'),
  creditedAt: null,
}

export const entry: LedgerEntryView = {
  id: 7n,
  kind: 'adjustment',
  micros: -90_000_001n,
  reference: 'adjustment:key-1',
  reversesEntryId: null,
  details: { reason: 'goodwill' },
  eventAt: new Date('2025-01-01T00:00:00Z'),
  createdAt: new Date('2025-01-01T00:00:01Z'),
}

/** What feed and pool said after block 99: updated 840 seconds before it. */
export const reading: OracleReading = {
  block: { number: 99n, hash: `0x${'a'.repeat(64)}`, timestamp: 1_735_690_440n },
  ethUsd: {
    kind: 'answered',
    feed: '0x00000000000000000000000000000000000000fe',
    roundId: 2n ** 64n + 5n,
    answer: 250_012_345_678n,
    updatedAt: 1_735_689_600n,
    answeredInRound: 2n ** 64n + 5n,
    decimals: 8,
  },
  sequencer: null,
  pool: {
    kind: 'answered',
    pool: '0x00000000000000000000000000000000000000b0',
    axgtIsToken0: true,
    axgtDecimals: 18,
    wethDecimals: 18,
    fast: { seconds: 1_800, tickCumulativeDelta: -1n, secondsPerLiquidityDeltaX128: 1n },
    slow: { seconds: 86_400, tickCumulativeDelta: -1n, secondsPerLiquidityDeltaX128: 1n },
    cardinality: 8_000,
  },
}

export const livePrice: PriceView = {
  rail: 'eth:1',
  usdPerUnit: '2500.12345678',
  source: 'chainlink',
  roundId: 2n ** 64n + 5n,
  updatedAt: new Date('2025-01-01T00:00:00Z'),
  blockNumber: 99n,
  blockHash: `0x${'a'.repeat(64)}`,
  blockTimestamp: new Date('2025-01-01T00:14:00Z'),
}

export const fixedPrice: PriceView = {
  ...livePrice,
  usdPerUnit: '2000',
  source: 'fixed',
  roundId: null,
  updatedAt: null,
}

/** Half-way between two heartbeats. */
export const account: AccountView = {
  address: wallet,
  balanceMicros: 3_600_000_000n,
  burnMicrosPerMinute: 120_000_000n,
  runsOutAt: new Date('2025-01-01T00:30:00Z'),
  low: false,
  graceRemainingSeconds: null,
}

export const running: SessionView = {
  id: 'running',
  account: wallet,
  profile: 'small',
  gpus: 1,
  state: 'running',
  endReason: null,
  startedAt: new Date('2025-01-01T00:00:00Z'),
  endedAt: null,
  totalBilledMicros: 90_000_000n,
}

const metered: MeteredSession = {
  ...running,
  billedMicros: 30_000_000n,
  balanceMicros: 3_600_000_000n,
  isLow: false,
  graceLeftMicros: null,
}

/** The sessions of a test, by id. */
const sessions = new Map<string, MeteredSession>(
  [
    metered,
    {
      ...metered,
      id: 'grace',
      state: 'grace' as const,
      billedMicros: 1n,
      totalBilledMicros: 61n,
      balanceMicros: 0n,
      isLow: true,
      graceLeftMicros: 7_140_999_999n,
    },
    {
      ...metered,
      id: 'ended',
      state: 'ended' as const,
      endReason: 'heartbeat_timeout' as const,
      endedAt: new Date('2025-01-01T00:10:00Z'),
      billedMicros: 0n,
      balanceMicros: -1n,
    },
  ].map((session) => [session.id, session]),
)

export const stored: VolumeView = {
  id: 'stored',
  account: wallet,
  sizeBytes: 107_374_182_400n,
  state: 'active',
  totalBilledMicros: 300_000_001n,
  deletedAt: null,
}

/** The volumes of a test, by id. */
const volumes = new Map<string, VolumeView>(
  [
    stored,
    { ...stored, id: 'due', state: 'prune_due' as const },
    { ...stored, id: 'deleted', deletedAt: new Date('2025-01-01T00:00:00Z') },
  ].map((volume) => [volume.id, volume]),
)

/** What the desk of a test answers, by hash; every other hash is unknown. */
const transactions: Record<Hash, TransactionView> = {
  [knownHash]: { txHash: knownHash, outcome: 'settled', deposits: [credited] },
  [pendingHash]: { txHash: pendingHash, outcome: 'pending', deposits: [held] },
  [unrelatedHash]: { txHash: unrelatedHash, outcome: 'no_qualifying_transfer', deposits: [] },
  [failedHash]: { txHash: failedHash, outcome: 'transaction_failed', deposits: [] },
}

/**
 * Dependencies that stand at the edge of the HTTP side: what lies behind them is the business of other tests. `asked`
 * records each call that would cost an RPC call or reach the database, with its arguments.
 */
export function fakeDeps(
  overrides: Partial<AppDeps> = {},
): AppDeps & { asked: unknown[][]; logged: string[] } {
  const asked: unknown[][] = []
  const logged: string[] = []
  const lookup = (txHash: Hash) => {
    if (txHash === unreachableHash) return { kind: 'unavailable' } as const
    const transaction = transactions[txHash]
    return transaction ? ({ kind: 'found', transaction } as const) : ({ kind: 'not_found' } as const)
  }
  return {
    asked,
    logged,
    config,
    logger: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    desk: {
      look: async (...args) => {
        asked.push(['look', ...args])
        return lookup(args[0])
      },
      submit: async (...args) => {
        asked.push(['submit', ...args])
        return lookup(args[0])
      },
    },
    quoter: {
      quote: async (input) => {
        asked.push(['quote', input])
        const rail = config.rails.find((enabled) => enabled.rail === input.rail)
        const info = rails.find((enabled) => enabled.rail === input.rail)
        if (!rail || !info) return { kind: 'rail_unknown' }
        const block = { number: 100n, hash: `0x${'b'.repeat(64)}` }
        const { pricing } = config
        const quoted = quote({
          ...input,
          pricing,
          rail,
          decimals: info.decimals,
          axgt: null,
          block,
          oracle: null,
          history: null,
        })
        return quoted.kind === 'price_unavailable' ? { ...quoted, retryAfterSeconds: 15 } : quoted
      },
    },
    metering: {
      start: async (session) => {
        asked.push(['start', session])
        if (session.id === 'taken') return { kind: 'conflict' }
        if (session.account !== wallet) return { kind: 'insufficient_credit' }
        const kind = session.id === running.id ? 'existing' : 'created'
        return { kind, session: { ...running, ...session } }
      },
      beat: async (id) => {
        asked.push(['beat', id])
        if (id === 'overloaded') return { kind: 'overloaded' }
        const session = sessions.get(id)
        return session ? { kind: 'metered', session } : { kind: 'unknown' }
      },
      beatMany: async (ids) => {
        asked.push(['beatMany', ids])
        if (ids.includes('overloaded')) return { kind: 'overloaded' }
        // In another order than was asked for, as the database may answer.
        return { kind: 'metered', sessions: ids.flatMap((id) => sessions.get(id) ?? []).reverse() }
      },
      release: async (id) => {
        asked.push(['release', id])
        const session = sessions.get(id)
        if (session === undefined || session.state === 'ended') return session ?? null
        return { ...session, state: 'ended', endReason: 'released', endedAt: session.startedAt }
      },
      readAccount: async (address) => {
        asked.push(['readAccount', address])
        if (address === wallet) return account
        return { ...account, address, balanceMicros: 0n, burnMicrosPerMinute: 0n, runsOutAt: null }
      },
      listSessions: async (address, page) => {
        asked.push(['listSessions', address, page])
        if (page.cursor === 'of another list') return { kind: 'bad_cursor' }
        const items = address === wallet ? [...sessions.values()] : []
        return { kind: 'page', items, nextKey: address === wallet ? '1735689600000000:running' : null }
      },
    },
    // What streams tell is the business of their own test.
    events: {
      feed: {
        stopped: new AbortController().signal,
        over: Promise.resolve(),
        subscribe: () => () => {},
        seqs: async () => ({ forgotten: 0n, newest: 0n }),
        count: async () => 0,
        read: async () => [],
      },
      progress: { over: Promise.resolve(), subscribe: () => () => {}, latest: () => null, refresh: () => {} },
      readDeposits: async () => [],
    },
    volumes: {
      put: async (volume) => {
        asked.push(['put', volume])
        if (volume.id === 'taken') return { kind: 'conflict' }
        return { kind: 'stored', volume: { ...stored, ...volume } }
      },
      remove: async (id) => {
        asked.push(['remove', id])
        return volumes.get(id) ?? null
      },
      read: async (id) => {
        asked.push(['read', id])
        return volumes.get(id) ?? null
      },
    },
    walletTokens: { addressOf: async (token) => (token === walletToken ? wallet : null) },
    signIn: {
      challenge: async (address, chainId) => {
        asked.push(['challenge', address, chainId])
        return { message: `${address} on ${chainId}`, expiresAt: new Date('2025-01-01T00:05:00Z') }
      },
      verify: async (signed) => {
        asked.push(['verify', signed])
        if (signed.message === 'unreachable') return { kind: 'chain_unavailable', detail: 'rpc 1: no answer' }
        if (signed.message === 'overloaded') return { kind: 'overloaded' }
        if (signed.message !== 'good') return { kind: 'challenge_expired' }
        if (signed.signature !== '0x01') return { kind: 'signature_invalid' }
        const expiresAt = new Date('2025-01-01T12:00:00Z')
        return { kind: 'signed_in', signedIn: { token: walletToken, address: wallet, expiresAt } }
      },
      signOut: async (token) => void asked.push(['signOut', token]),
    },
    rails: () => rails,
    ledger: {
      listEntries: async (address, page) => {
        asked.push(['listEntries', address, page])
        return { kind: 'page', items: address === wallet ? [entry] : [], nextKey: null }
      },
      adjust: async (input) => {
        asked.push(['adjust', input])
        return { kind: 'posted', entry, balanceMicros: -1n }
      },
    },
    deposits: {
      listByPayer: async (address, page) => {
        asked.push(['listByPayer', address, page])
        return { kind: 'page', items: [held, credited], nextKey: '100|1-0x11' }
      },
      listByState: async (filter, page) => {
        asked.push(['listByState', filter, page])
        if (page.cursor === 'of another list') return { kind: 'bad_cursor' }
        return { kind: 'page', items: [held], nextKey: null }
      },
    },
    prices: {
      list: async (filter, page) => {
        asked.push(['prices', filter, page])
        if (page.cursor === 'of another list') return { kind: 'bad_cursor' }
        return { kind: 'page', items: [livePrice, fixedPrice], nextKey: '1735689600000000:7' }
      },
    },
    health: {
      read: async () => ({
        checks: {
          database: { status: 'ok', detail: 'answers' },
          rpc: { '1': { status: 'ok', detail: 'head 100' } },
          indexer: { '1': { status: 'ok', detail: '0 blocks behind' } },
          gate: { '1': { status: 'ok', detail: 'passed 1 s ago' } },
          jobs: { '1': { status: 'ok', detail: 'work' } },
        },
      }),
    },
    metrics: createMetrics(),
    panel: { find: async () => null },
    indexerUrl: () => null,
    ...overrides,
  }
}

import { describe, expect, test } from 'vitest'
import type { Config } from '../../../billing/config/config.ts'
import { formatFaults, parseSettings } from '../../../billing/config/parseSettings.ts'
import { completeEnv } from './completeEnv.ts'

const parse = (changes: Record<string, string | undefined> = {}, stdoutIsTerminal = false) =>
  parseSettings({ ...completeEnv, ...changes }, { stdoutIsTerminal })

function configOf(changes: Record<string, string | undefined> = {}): Config {
  const result = parse(changes)
  if (!result.ok) throw new Error(formatFaults(result.faults))
  return result.config
}

function faultsOf(changes: Record<string, string | undefined>): string[] {
  const result = parse(changes)
  return result.ok ? [] : result.faults.map(({ variable }) => variable)
}

const token = `0x${'c'.repeat(40)}`
const pool = `0x${'d'.repeat(40)}`
const feed = `0x${'e'.repeat(40)}`
const mainnet = {
  RAILS: undefined,
  RPC_URL_1: 'https://rpc.example/key',
  START_BLOCK_1: '19000000',
  AXGT_POOL_1: pool,
  AXGT_DAILY_CAP_MINUTES: 'none',
}
/** Both live prices on the local chain, where no contract is known. */
const live = {
  RAILS: 'eth:31337,axgt:31337',
  AXGT_ADDRESS_31337: token,
  ETH_PRICING: 'chainlink',
  AXGT_POOL_31337: pool,
  ETH_USD_FEED_31337: feed,
  AXGT_DAILY_CAP_MINUTES: 'none',
}
const axgtOnly = { ...live, RAILS: 'axgt:31337', ETH_PRICING: undefined }
const fixed = { ETH_PRICING: 'fixed', AXGT_PRICING: 'fixed' }

describe('defaults', () => {
  test('are those of the design, for everything that is not set', () => {
    const { dataDir, ...config } = configOf({ HOST: '', PORT: '   ' })
    expect(dataDir).toMatch(/^\/.*\/\.data$/)
    expect({ ...config, profiles: { ...config.profiles } }).toEqual({
      databaseUrl: null,
      host: '127.0.0.1',
      port: 8080,
      publicUrl: 'http://localhost:8080',
      indexerUrl: null,
      pollIntervalMs: 1000,
      revenueWallet: completeEnv.REVENUE_WALLET?.toLowerCase(),
      rails: [{ rail: 'eth:31337', asset: 'eth', chainId: 31337, token: null }],
      chains: [
        {
          chainId: 31337,
          rpcUrls: ['http://127.0.0.1:8545'],
          startBlock: 0n,
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
        usdPerHour: { numerator: 1n, denominator: 1n },
        ethUsdMaxAgeSeconds: 7200,
        eth: {
          mode: 'fixed',
          minutesPerEth: { numerator: 120000n, denominator: 1n },
          minimumEth: { numerator: 1n, denominator: 2000n },
        },
        usdc: { minimumUsdc: { numerator: 1n, denominator: 1n } },
        axgt: {
          mode: 'twap',
          twapSeconds: 1800,
          maxDeviationPercent: { numerator: 25n, denominator: 1n },
          minimumLiquidityEth: { numerator: 1n, denominator: 10n },
          dailyCapMicros: null,
          minimumAxgt: { numerator: 100n, denominator: 1n },
          bonusPercent: { numerator: 25n, denominator: 1n },
        },
        tiers: [
          { minimumAxgt: 0n, discountPercent: { numerator: 0n, denominator: 1n } },
          { minimumAxgt: 100n, discountPercent: { numerator: 5n, denominator: 1n } },
          { minimumAxgt: 1000n, discountPercent: { numerator: 10n, denominator: 1n } },
          { minimumAxgt: 10000n, discountPercent: { numerator: 15n, denominator: 1n } },
          { minimumAxgt: 100000n, discountPercent: { numerator: 25n, denominator: 1n } },
        ],
      },
      profiles: { small: 1, medium: 2, large: 4, max: 8 },
      sessions: {
        heartbeatIntervalSeconds: 30,
        heartbeatTimeoutSeconds: 120,
        graceMinutes: 120,
        gracePercent: 10,
        lowBalanceMinutes: 10,
      },
      storage: { minutesPerGibHour: { numerator: 1n, denominator: 20n }, debtLimitMinutes: 1440 },
      serviceApiKey: completeEnv.SERVICE_API_KEY,
      adminApiKey: completeEnv.ADMIN_API_KEY,
      webhook: null,
      eventRetentionDays: 30,
      rateLimitPerMinute: 60,
      trustProxy: 0,
      metricsAccess: 'any',
      logLevel: 'info',
      logFormat: 'json',
    })
  })

  test('enable the three mainnet rails with their known contracts', () => {
    const config = configOf(mainnet)
    expect(config.rails).toEqual([
      { rail: 'eth:1', asset: 'eth', chainId: 1, token: null },
      { rail: 'usdc:1', asset: 'usdc', chainId: 1, token: '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48' },
      { rail: 'axgt:1', asset: 'axgt', chainId: 1, token: '0x6112c3509a8a787df576028450febb3786a2274d' },
    ])
    expect(config.chains).toMatchObject([
      {
        chainId: 1,
        ethUsdFeed: '0x5f4ec3df9cbd43714fe2740f5e3616155c5b8419',
        sequencerFeed: null,
        axgtPool: pool,
        weth: '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2',
      },
    ])
  })

  test('know the feed and WETH of Base, but neither its sequencer feed nor a pool', () => {
    const base = { RAILS: 'eth:8453', RPC_URL_8453: 'https://rpc.example', START_BLOCK_8453: '1' }
    expect(configOf({ ...base, ETH_PRICING: 'chainlink' }).chains).toMatchObject([
      {
        chainId: 8453,
        ethUsdFeed: '0x71041dddad3595f9ced3dccfbe3d1f4b0a16bb70',
        sequencerFeed: null,
        axgtPool: null,
        weth: '0x4200000000000000000000000000000000000006',
      },
    ])
  })

  test('of LOG_FORMAT is pretty on a terminal only', () => {
    expect(parse({}, true)).toMatchObject({ ok: true, config: { logFormat: 'pretty' } })
    expect(parse({ LOG_FORMAT: 'json' }, true)).toMatchObject({ ok: true, config: { logFormat: 'json' } })
  })
})

describe('values', () => {
  test('of a chain go before those of all chains, and blanks around them do not count', () => {
    const config = configOf({
      RAILS: ' eth:31337 , usdc:8453 ',
      RPC_URL_8453: ' https://a.example , wss://a.example ',
      START_BLOCK_8453: ' 12 ',
      CONFIRMATIONS: '3',
      CONFIRMATIONS_8453: '12',
      ETH_DETECTION_8453: 'transactions',
      AXGT_ADDRESS_31337: token,
    })
    expect(config.chains).toMatchObject([
      { chainId: 31337, confirmations: 3, ethDetection: 'traces', axgtToken: token },
      {
        chainId: 8453,
        confirmations: 12,
        ethDetection: 'transactions',
        axgtToken: null,
        startBlock: 12n,
        rpcUrls: ['https://a.example', 'wss://a.example'],
      },
    ])
  })

  test('of live prices reach the pricing and the chain', () => {
    const config = configOf({
      ...live,
      ETH_USD_MAX_AGE_SECONDS: '3600',
      AXGT_TWAP_SECONDS: '600',
      AXGT_MAX_DEVIATION_PERCENT: '12.5',
      AXGT_MIN_LIQUIDITY_ETH: '0',
      AXGT_DAILY_CAP_MINUTES: '1000000000',
      SEQUENCER_FEED_31337: `0x${'A'.repeat(40)}`,
      WETH_ADDRESS_31337: `0x${'b'.repeat(40)}`,
    })
    expect(config.chains).toMatchObject([
      {
        ethUsdFeed: feed,
        sequencerFeed: `0x${'a'.repeat(40)}`,
        axgtPool: pool,
        weth: `0x${'b'.repeat(40)}`,
      },
    ])
    expect(config.pricing).toMatchObject({
      ethUsdMaxAgeSeconds: 3600,
      eth: { mode: 'chainlink', minimumEth: { numerator: 1n, denominator: 2000n } },
      axgt: {
        mode: 'twap',
        twapSeconds: 600,
        maxDeviationPercent: { numerator: 25n, denominator: 2n },
        minimumLiquidityEth: { numerator: 0n, denominator: 1n },
        dailyCapMicros: 60_000_000_000_000_000n,
      },
    })
    expect(config.pricing.eth).not.toHaveProperty('minutesPerEth')
    expect(config.pricing.axgt).not.toHaveProperty('minutesPer100')
  })

  test('of fixed rates reach the pricing, which then holds no setting of a live price', () => {
    const { pricing } = configOf({ ...fixed, ETH_MINUTES_PER_ETH: '90000', AXGT_MINUTES_PER_100: '7.5' })
    expect(pricing.eth).toMatchObject({
      mode: 'fixed',
      minutesPerEth: { numerator: 90000n, denominator: 1n },
    })
    expect(pricing.axgt).toEqual({
      mode: 'fixed',
      minutesPer100: { numerator: 15n, denominator: 2n },
      minimumAxgt: { numerator: 100n, denominator: 1n },
      bonusPercent: { numerator: 25n, denominator: 1n },
      dailyCapMicros: null,
    })
  })

  test('of a webhook come as a pair', () => {
    const webhook = {
      WEBHOOK_URL: 'https://h.example/in?token=1',
      WEBHOOK_SECRET: 'whsec_0123456789012345678901',
    }
    expect(configOf(webhook).webhook).toEqual({
      url: webhook.WEBHOOK_URL,
      secrets: [{ text: webhook.WEBHOOK_SECRET, key: Buffer.from('0123456789012345678901', 'base64') }],
      allowPrivate: false,
    })
    const changing = { ...webhook, WEBHOOK_SECRET: `whsec_${'QUJD'.repeat(8)}, an-old-one-that-is-no-base64` }
    expect(configOf(changing).webhook?.secrets.map(({ key }) => key.toString())).toEqual([
      'ABC'.repeat(8),
      'an-old-one-that-is-no-base64',
    ])
  })

  test('of tiers may have decimals and stay level', () => {
    expect(configOf({ AXGT_DISCOUNT_TIERS: '0:0,10:2.5,20:2.5,30:99.9' }).pricing.tiers[1]).toEqual({
      minimumAxgt: 10n,
      discountPercent: { numerator: 5n, denominator: 2n },
    })
  })

  test('of addresses are kept in lower case, whichever case they came in', () => {
    const upper = `0x${completeEnv.REVENUE_WALLET?.slice(2).toUpperCase()}`
    expect(configOf({ REVENUE_WALLET: upper }).revenueWallet).toBe(completeEnv.REVENUE_WALLET?.toLowerCase())
  })

  test('of profiles are found by their own name only', () => {
    expect(configOf().profiles.constructor).toBeUndefined()
  })
})

describe('a single setting is refused', () => {
  const twoUrls = 'http://a.example,http://b.example'
  test.each<[variable: string, texts: string[]]>([
    ['DATABASE_URL', ['mysql://a/b', 'localhost', 'postgres:///db']],
    ['HOST', ['a b', 'http://0.0.0.0']],
    ['PORT', ['-1', '65536', '80.0', '0x50', '1e3', '080']],
    [
      'PUBLIC_URL',
      [
        'localhost:8080',
        'ftp://a.example',
        'http://a.example/?b',
        'http://a.example/#b',
        'http://u:p@a.example',
      ],
    ],
    // What no sign-in message can name.
    ['PUBLIC_URL', ['http://credits', 'http://[::1]:8080', 'http://a_b.example', 'http://a.example/ü|']],
    [
      'RAILS',
      ['eth', 'eth:0', 'eth:01', 'ETH:31337', 'btc:1', 'eth:31337,', 'eth:31337,eth:31337', 'eth:-1'],
    ],
    ['RPC_URL_31337', ['', 'a', 'ws://a', 'ftp://a', 'http://a,', 'http://a,http://a/', `${twoUrls},x`]],
    ['START_BLOCK_31337', ['', '-1', 'latest', '1.5', '9007199254740992']],
    ['CONFIRMATIONS', ['0', '65', '6.0', 'six']],
    ['CONFIRMATIONS_31337', ['0', '65']],
    ['ETH_DETECTION', ['trace', 'TRACES']],
    ['ETH_DETECTION_31337', ['logs']],
    ['REVENUE_WALLET', ['', '0x', token.slice(1), `0x${'0'.repeat(40)}`, `0X${'c'.repeat(40)}`, `${token}0`]],
    // The last letter of the checksummed address in the other case.
    ['REVENUE_WALLET', ['0x70997970C51812dc3A010C7d01b50e0d17dc79c8']],
    ['USDC_ADDRESS_31337', ['0x1']],
    ['USD_PER_HOUR', ['0', '-1', '1e2', '1000001', 'NaN']],
    ['ETH_PRICING', ['twap', 'Chainlink']],
    ['ETH_USD_MAX_AGE_SECONDS', ['0', '604801', '2h']],
    ['ETH_MINUTES_PER_ETH', ['0', '.5']],
    ['ETH_MIN_DEPOSIT', ['0', '0.0000000000000000001', '0,5']],
    ['USDC_MIN_DEPOSIT', ['0']],
    ['AXGT_PRICING', ['chainlink']],
    ['AXGT_TWAP_SECONDS', ['0', '59', '43201', '86400']],
    ['AXGT_MAX_DEVIATION_PERCENT', ['0', '-25', '1001', '25%']],
    ['AXGT_MIN_LIQUIDITY_ETH', ['-0.1', '1000000001']],
    ['AXGT_DAILY_CAP_MINUTES', ['0', '0.5', '-1', '1000000001', 'None', 'unlimited']],
    ['ETH_USD_FEED_31337', ['0x1', 'ETH/USD']],
    ['SEQUENCER_FEED_31337', [`0x${'0'.repeat(40)}`]],
    ['AXGT_POOL_31337', ['0x1']],
    // The known address with its last digit wrong, so that its checksum is.
    ['WETH_ADDRESS_31337', ['0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc3']],
    ['AXGT_MINUTES_PER_100', ['0']],
    ['AXGT_MIN_DEPOSIT', ['0', 'Infinity']],
    ['AXGT_BONUS_PERCENT', ['-1', '1001']],
    [
      'AXGT_DISCOUNT_TIERS',
      ['1:0', '0:0,100:5,100:6', '0:0,100:5,50:6', '0:5,100:4', '0:100', '0', '0:0,', '0:1.'],
    ],
    ['PROFILES', ['small', 'small:0', 'small:1025', 'small:1,small:2', '__proto__:1', 'a:1.5', 'Small:1']],
    ['HEARTBEAT_INTERVAL_SECONDS', ['0']],
    ['HEARTBEAT_TIMEOUT_SECONDS', ['1', '86401']],
    ['GRACE_MINUTES', ['-1', '10081']],
    ['GRACE_PERCENT', ['-1', '101', '2.5']],
    ['LOW_BALANCE_MINUTES', ['ten']],
    ['STORAGE_MINUTES_PER_GIB_HOUR', ['-0.05', '1001']],
    ['STORAGE_DEBT_LIMIT_MINUTES', ['0']],
    ['SERVICE_API_KEY', ['', 'x'.repeat(31), `${'x'.repeat(31)} y`, `${'x'.repeat(31)}é`]],
    ['ADMIN_API_KEY', ['', 'x'.repeat(31)]],
    ['RATE_LIMIT_PER_MINUTE', ['0']],
    ['TRUST_PROXY', ['true', '11']],
    ['METRICS_ACCESS', ['admin']],
    ['POLL_INTERVAL_MS', ['99', '10001']],
    ['INDEXER_URL', ['indexer:42069']],
    ['LOG_LEVEL', ['verbose']],
    ['LOG_FORMAT', ['text']],
  ])('%s', (variable, texts) => {
    for (const text of texts) expect([text, faultsOf({ [variable]: text })]).toEqual([text, [variable]])
  })
})

describe('settings that do not fit together are refused', () => {
  test.each<[what: string, changes: Record<string, string | undefined>, variables: string[]]>([
    [
      'a heartbeat timeout that is not longer than the interval',
      { HEARTBEAT_INTERVAL_SECONDS: '120' },
      ['HEARTBEAT_TIMEOUT_SECONDS'],
    ],
    ['one key for service and admin', { ADMIN_API_KEY: completeEnv.SERVICE_API_KEY }, ['ADMIN_API_KEY']],
    ['a webhook without its secret', { WEBHOOK_URL: 'https://a.example' }, ['WEBHOOK_SECRET']],
    [
      'a webhook secret of three',
      { WEBHOOK_URL: 'https://a.example', WEBHOOK_SECRET: Array(3).fill('x'.repeat(24)).join(',') },
      ['WEBHOOK_SECRET'],
    ],
    [
      'a webhook secret that claims to be base64',
      { WEBHOOK_URL: 'https://a.example', WEBHOOK_SECRET: 'whsec_not-base64-not-base64' },
      ['WEBHOOK_SECRET'],
    ],
    ['a webhook secret without its URL', { WEBHOOK_SECRET: 'x'.repeat(24) }, ['WEBHOOK_URL']],
    ['chainlink on a chain whose feed is not known', { ETH_PRICING: 'chainlink' }, ['ETH_USD_FEED_31337']],
    [
      'twap on a chain whose feed is not known',
      { ...axgtOnly, ETH_USD_FEED_31337: '' },
      ['ETH_USD_FEED_31337'],
    ],
    ['an AXGT rail with the default pricing and no pool', { ...mainnet, AXGT_POOL_1: '' }, ['AXGT_POOL_1']],
    [
      'an AXGT rail with the default pricing and no cap',
      { ...mainnet, AXGT_DAILY_CAP_MINUTES: '' },
      ['AXGT_DAILY_CAP_MINUTES'],
    ],
    [
      'twap on two chains and no cap, which is one for all',
      {
        ...live,
        RAILS: 'axgt:31337,axgt:10',
        RPC_URL_10: 'http://b.example',
        START_BLOCK_10: '1',
        AXGT_ADDRESS_10: token,
        AXGT_POOL_10: pool,
        ETH_USD_FEED_10: feed,
        AXGT_DAILY_CAP_MINUTES: undefined,
      },
      ['AXGT_DAILY_CAP_MINUTES'],
    ],
    [
      'both live prices without anything to read them from, the feed named once',
      { ...live, AXGT_POOL_31337: '', ETH_USD_FEED_31337: '' },
      ['ETH_USD_FEED_31337', 'AXGT_POOL_31337'],
    ],
    [
      'live prices on two chains of which one has no feed and no pool',
      {
        ...live,
        RAILS: `${live.RAILS},eth:10,axgt:10`,
        RPC_URL_10: 'http://b.example',
        START_BLOCK_10: '1',
        AXGT_ADDRESS_10: token,
      },
      ['ETH_USD_FEED_10', 'AXGT_POOL_10'],
    ],
    [
      'token rails on a chain whose contracts are not known',
      { RAILS: 'usdc:31337,axgt:31337', AXGT_PRICING: 'fixed' },
      ['USDC_ADDRESS_31337', 'AXGT_ADDRESS_31337'],
    ],
    [
      'one contract as two assets',
      { USDC_ADDRESS_31337: token, AXGT_ADDRESS_31337: token },
      ['AXGT_ADDRESS_31337'],
    ],
    [
      'the revenue wallet as a token contract',
      { USDC_ADDRESS_31337: completeEnv.REVENUE_WALLET },
      ['USDC_ADDRESS_31337'],
    ],
    ['the AXGT token as the pool', { ...live, AXGT_POOL_31337: token }, ['AXGT_POOL_31337']],
    [
      'the USDC token as the feed',
      { ...live, USDC_ADDRESS_31337: `0x${'2'.repeat(40)}`, ETH_USD_FEED_31337: `0x${'2'.repeat(40)}` },
      ['ETH_USD_FEED_31337'],
    ],
    [
      'the AXGT token as WETH',
      { WETH_ADDRESS_31337: token, AXGT_ADDRESS_31337: token },
      ['AXGT_ADDRESS_31337'],
    ],
    [
      'the known WETH as the pool',
      { ...mainnet, AXGT_POOL_1: '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2' },
      ['AXGT_POOL_1'],
    ],
    ['the feed as the sequencer feed', { ...live, SEQUENCER_FEED_31337: feed }, ['SEQUENCER_FEED_31337']],
    ['the feed as the pool', { ...live, AXGT_POOL_31337: feed }, ['AXGT_POOL_31337']],
    ...['ETH_USD_FEED_31337', 'SEQUENCER_FEED_31337', 'AXGT_POOL_31337', 'WETH_ADDRESS_31337'].map(
      (variable): [string, Record<string, string | undefined>, string[]] => [
        `the revenue wallet as ${variable}`,
        { ...live, [variable]: completeEnv.REVENUE_WALLET },
        [variable],
      ],
    ),
    [
      'a minimum worth nothing',
      { ...fixed, ETH_MIN_DEPOSIT: '0.000000000000000001', AXGT_MIN_DEPOSIT: '0.0000000000001' },
      ['ETH_MIN_DEPOSIT', 'AXGT_MIN_DEPOSIT'],
    ],
    [
      'a minimum of USDC worth nothing, whatever the pricing of the others',
      { ...live, USD_PER_HOUR: '1000000', USDC_MIN_DEPOSIT: '0.0000000000001' },
      ['USDC_MIN_DEPOSIT'],
    ],
  ])('%s', (_what, changes, variables) => {
    expect(faultsOf(changes)).toEqual(variables)
  })

  test('but pricing that no enabled rail uses is not looked at', () => {
    expect(faultsOf({ AXGT_PRICING: 'twap' })).toEqual([])
    expect(faultsOf({ RAILS: 'usdc:31337', USDC_ADDRESS_31337: token, ETH_PRICING: 'chainlink' })).toEqual([])
    expect(faultsOf({ ...axgtOnly, AXGT_PRICING: 'fixed', AXGT_POOL_31337: '' })).toEqual([])
    expect(faultsOf({ ...axgtOnly, AXGT_PRICING: 'fixed', ETH_USD_FEED_31337: '' })).toEqual([])
    expect(faultsOf({ ...axgtOnly, AXGT_PRICING: 'fixed', AXGT_DAILY_CAP_MINUTES: '' })).toEqual([])
  })

  test('but a chain without a rail at a live price needs neither feed nor pool', () => {
    const other = { RPC_URL_10: 'http://b.example', START_BLOCK_10: '1', USDC_ADDRESS_10: token }
    expect(faultsOf({ ...live, ...other, RAILS: `${live.RAILS},usdc:10` })).toEqual([])
  })

  test('but what a minimum is worth at a live price is left to the block of the deposit', () => {
    const tiny = { ETH_MIN_DEPOSIT: '0.000000000000000001', AXGT_MIN_DEPOSIT: '0.000000000000000001' }
    expect(faultsOf({ ...live, ...tiny })).toEqual([])
    expect(faultsOf({ ...live, ...tiny, ETH_PRICING: undefined })).toEqual(['ETH_MIN_DEPOSIT'])
    expect(faultsOf({ ...live, ...tiny, AXGT_PRICING: 'fixed' })).toEqual(['AXGT_MIN_DEPOSIT'])
  })

  test('but only what could be read is judged: a faulty feed, pool or pricing is one fault', () => {
    expect(faultsOf({ ...live, ETH_USD_FEED_31337: '0x1' })).toEqual(['ETH_USD_FEED_31337'])
    expect(faultsOf({ ...live, AXGT_POOL_31337: '0x1' })).toEqual(['AXGT_POOL_31337'])
    expect(faultsOf({ ...axgtOnly, AXGT_PRICING: 'spot', AXGT_POOL_31337: '' })).toEqual(['AXGT_PRICING'])
    expect(faultsOf({ ETH_PRICING: 'spot', ETH_MIN_DEPOSIT: '0.000000000000000001' })).toEqual([
      'ETH_PRICING',
    ])
  })

  test('but one token address on two chains is fine', () => {
    const other = { RPC_URL_10: 'http://b.example', START_BLOCK_10: '1', USDC_ADDRESS_10: token }
    expect(faultsOf({ RAILS: 'usdc:31337,usdc:10', USDC_ADDRESS_31337: token, ...other })).toEqual([])
  })
})

describe('the report', () => {
  test('tells all faults at once: variable, what it was, what it may be', () => {
    const result = parseSettings(
      { RAILS: 'eth:1,dai:1', CONFIRMATIONS: '0', START_BLOCK_1: 'now', HEARTBEAT_TIMEOUT_SECONDS: '30' },
      { stdoutIsTerminal: false },
    )
    expect(result.ok ? '' : formatFaults(result.faults)).toMatchInlineSnapshot(`
      "8 settings are wrong:
        RAILS is "eth:1,dai:1": entry 2 is not a rail. It may be a comma-separated list of \`asset:chainId\`, each once, with asset \`eth\`, \`usdc\` or \`axgt\`, such as \`eth:1,usdc:8453\`.
        REVENUE_WALLET is not set. It may be an address: 0x and 40 hex digits, not the zero address; mixed case needs the right EIP-55 checksum.
        CONFIRMATIONS is "0". It may be an integer from 1 to 64.
        SERVICE_API_KEY is not set. It may be 32 to 512 visible ASCII characters.
        ADMIN_API_KEY is not set. It may be 32 to 512 visible ASCII characters.
        RPC_URL_1 is not set. It may be comma-separated, different http(s) and ws(s) URLs, at least one of them http(s).
        START_BLOCK_1 is "now". It may be an integer of at least 0.
        HEARTBEAT_TIMEOUT_SECONDS is "30": it is not longer than HEARTBEAT_INTERVAL_SECONDS, 30. It may be an integer from 2 to 86400."
    `)
  })

  test('says what a live price lacks and what to set instead', () => {
    const result = parse({ ...live, AXGT_POOL_31337: '', ETH_USD_FEED_31337: '' })
    expect(result.ok ? '' : formatFaults(result.faults)).toMatchInlineSnapshot(`
      "2 settings are wrong:
        ETH_USD_FEED_31337 is not set: the price of eth:31337 and axgt:31337 comes from it; set it, or ETH_PRICING=fixed and AXGT_PRICING=fixed. It may be an address: 0x and 40 hex digits, not the zero address; mixed case needs the right EIP-55 checksum.
        AXGT_POOL_31337 is not set: the price of axgt:31337 comes from it; set it, or AXGT_PRICING=fixed. It may be an address: 0x and 40 hex digits, not the zero address; mixed case needs the right EIP-55 checksum."
    `)
    const uncapped = parse({ ...live, AXGT_DAILY_CAP_MINUTES: '' })
    expect(uncapped.ok ? '' : formatFaults(uncapped.faults)).toMatchInlineSnapshot(`
      "1 setting is wrong:
        AXGT_DAILY_CAP_MINUTES is not set: the price of axgt:31337 comes from a pool; set it, or AXGT_PRICING=fixed. It may be an integer from 1 to 1000000000, or \`none\`."
    `)
    const sameTwice = parse({ ...live, AXGT_POOL_31337: token })
    expect(sameTwice.ok ? '' : formatFaults(sameTwice.faults)).toMatchInlineSnapshot(`
      "1 setting is wrong:
        AXGT_POOL_31337 is "0xcccccccccccccccccccccccccccccccccccccccc": it is AXGT_ADDRESS_31337. It may be an address: 0x and 40 hex digits, not the zero address; mixed case needs the right EIP-55 checksum."
    `)
  })

  test('never holds a secret, nor a password that strayed into another setting', () => {
    const env = {
      DATABASE_URL: 'mysql://u:hunter2@h/db',
      RPC_URL_31337: 'https://hunter2.example,https://hunter2.example,nonsense-hunter2',
      SERVICE_API_KEY: 'hunter2',
      ADMIN_API_KEY: 'hunter2',
      WEBHOOK_URL: 'hunter2',
      WEBHOOK_SECRET: 'hunter2',
      PUBLIC_URL: 'https://user:hunter2@example.com',
      INDEXER_URL: 'postgres://user:hunter2@example.com',
    }
    const result = parse(env)
    expect(result.ok ? [] : result.faults.map(({ variable }) => variable).sort()).toEqual(
      Object.keys(env).sort(),
    )
    expect(JSON.stringify(result)).not.toContain('hunter2')
    expect(result.ok ? '' : formatFaults(result.faults)).not.toContain('hunter2')
  })

  test('shows at most a line of a very long value, with control characters escaped', () => {
    const result = parse({ PORT: `\u001b[2J${'9'.repeat(10_000)}` })
    const report = result.ok ? '' : formatFaults(result.faults)
    expect(report.length).toBeLessThan(400)
    expect(report).toContain('\\u001b')
  })
})

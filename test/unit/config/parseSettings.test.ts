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
const mainnet = {
  RAILS: undefined,
  AXGT_PRICING: 'fixed',
  RPC_URL_1: 'https://rpc.example/key',
  START_BLOCK_1: '19000000',
}

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
        },
      ],
      ethDetection: 'traces',
      pricing: {
        usdPerHour: { numerator: 1n, denominator: 1n },
        eth: {
          mode: 'fixed',
          minutesPerEth: { numerator: 120000n, denominator: 1n },
          minimumEth: { numerator: 1n, denominator: 2000n },
        },
        usdc: { minimumUsdc: { numerator: 1n, denominator: 1n } },
        axgt: {
          mode: 'fixed',
          minutesPer100: { numerator: 60n, denominator: 1n },
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
        lowBalanceMinutes: 10,
      },
      storage: { minutesPerGibHour: { numerator: 1n, denominator: 20n }, debtLimitMinutes: 1440 },
      serviceApiKey: completeEnv.SERVICE_API_KEY,
      adminApiKey: completeEnv.ADMIN_API_KEY,
      webhook: null,
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
    expect(config.chains.map(({ chainId }) => chainId)).toEqual([1])
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

  test('of a webhook come as a pair', () => {
    const webhook = {
      WEBHOOK_URL: 'https://h.example/in?token=1',
      WEBHOOK_SECRET: 'whsec_0123456789012345678901',
    }
    expect(configOf(webhook).webhook).toEqual({ url: webhook.WEBHOOK_URL, secret: webhook.WEBHOOK_SECRET })
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
    ['PUBLIC_URL', ['localhost:8080', 'ftp://a', 'http://a/?b', 'http://a/#b', 'http://u:p@a']],
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
    ['ETH_PRICING', ['twap', 'chainlink']],
    ['ETH_MINUTES_PER_ETH', ['0', '.5']],
    ['ETH_MIN_DEPOSIT', ['0', '0.0000000000000000001', '0,5']],
    ['USDC_MIN_DEPOSIT', ['0']],
    ['AXGT_PRICING', ['chainlink']],
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
    ['a webhook secret without its URL', { WEBHOOK_SECRET: 'x'.repeat(24) }, ['WEBHOOK_URL']],
    ['chainlink, which is not built yet', { ETH_PRICING: 'chainlink' }, ['ETH_PRICING']],
    ['twap, which is not built yet', { ...mainnet, AXGT_PRICING: 'twap' }, ['AXGT_PRICING']],
    ['an AXGT rail with the default pricing', { ...mainnet, AXGT_PRICING: undefined }, ['AXGT_PRICING']],
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
    [
      'a minimum worth nothing',
      { ETH_MIN_DEPOSIT: '0.000000000000000001', AXGT_MIN_DEPOSIT: '0.0000000000001' },
      ['ETH_MIN_DEPOSIT', 'AXGT_MIN_DEPOSIT'],
    ],
  ])('%s', (_what, changes, variables) => {
    expect(faultsOf(changes)).toEqual(variables)
  })

  test('but pricing that no enabled rail uses is not looked at', () => {
    expect(faultsOf({ AXGT_PRICING: 'twap' })).toEqual([])
    expect(faultsOf({ RAILS: 'usdc:31337', USDC_ADDRESS_31337: token, ETH_PRICING: 'chainlink' })).toEqual([])
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

import { resolve } from 'node:path'
import type { AxgtPricing, ChainConfig, Config, EthPricing, RailConfig } from './config.ts'
import { invariants } from './invariants.ts'
import { type ChainSettingValues, readSettings, type SettingValues } from './readSettings.ts'
import { readSetting, type SettingFault } from './setting.ts'
import { settings } from './settings.ts'

const MICROS_PER_MINUTE = 60_000_000n

type Complete<Values> = { [Name in keyof Values]: Exclude<Values[Name], undefined> }

/**
 * Turns the environment into the Config, or into every fault at once: of single settings and of rules between them.
 * Values are trimmed and an empty one counts as unset; unknown variables are ignored. `stdoutIsTerminal` decides the
 * default of `LOG_FORMAT`. Pure but for the working directory, against which `DATA_DIR` is resolved.
 */
export function parseSettings(
  env: Record<string, string | undefined>,
  { stdoutIsTerminal }: { stdoutIsTerminal: boolean },
): { ok: true; config: Config } | { ok: false; faults: SettingFault[] } {
  const reading = readSettings(env)
  const faults = [...reading.faults, ...invariants.flatMap((invariant) => invariant(reading))]
  if (faults.length > 0) return { ok: false, faults }
  const { values } = reading
  const chains = reading.chains.filter(isComplete)
  if (!isComplete(values) || chains.length !== reading.chains.length) {
    throw new Error('a setting has neither a value nor a fault')
  }
  return { ok: true, config: buildConfig(values, chains, stdoutIsTerminal) }
}

/** The faults as text for the terminal, one line each. Holds no secret. */
export function formatFaults(faults: SettingFault[]): string {
  const lines = faults.map(({ variable, was, why, mayBe }) => {
    const judgement = why === null ? was : `${was}: ${why}`
    return `  ${variable} is ${judgement}. It may be ${mayBe}.`
  })
  const title = faults.length === 1 ? '1 setting is wrong:' : `${faults.length} settings are wrong:`
  return [title, ...lines].join('\n')
}

function isComplete<Values extends object>(values: Values): values is Values & Complete<Values> {
  return Object.values(values).every((value) => value !== undefined)
}

function buildConfig(
  values: Complete<SettingValues>,
  chainValues: Complete<ChainSettingValues>[],
  stdoutIsTerminal: boolean,
): Config {
  const { webhookUrl, webhookSecret } = values
  return {
    databaseUrl: values.databaseUrl,
    dataDir: resolve(values.dataDir),
    host: values.host,
    port: values.port,
    publicUrl: values.publicUrl,
    indexerUrl: values.indexerUrl,
    pollIntervalMs: values.pollIntervalMs,
    revenueWallet: values.revenueWallet,
    rails: values.rails.map((rail) => buildRail(rail, chainValues)),
    chains: chainValues.map((chain) => buildChain(chain, values)),
    ethDetection: values.ethDetection,
    pricing: buildPricing(values),
    profiles: values.profiles,
    sessions: {
      heartbeatIntervalSeconds: values.heartbeatIntervalSeconds,
      heartbeatTimeoutSeconds: values.heartbeatTimeoutSeconds,
      graceMinutes: values.graceMinutes,
      gracePercent: values.gracePercent,
      lowBalanceMinutes: values.lowBalanceMinutes,
    },
    storage: {
      minutesPerGibHour: values.storageMinutesPerGibHour,
      debtLimitMinutes: values.storageDebtLimitMinutes,
    },
    serviceApiKey: values.serviceApiKey,
    adminApiKey: values.adminApiKey,
    webhook:
      webhookUrl === null || webhookSecret === null
        ? null
        : {
            url: webhookUrl,
            secrets: webhookSecret,
            allowPrivate: values.webhookAllowPrivate === 'true',
          },
    eventRetentionDays: values.eventRetentionDays,
    rateLimitPerMinute: values.rateLimitPerMinute,
    trustProxy: values.trustProxy,
    metricsAccess: values.metricsAccess,
    logLevel: values.logLevel,
    logFormat: values.logFormat ?? (stdoutIsTerminal ? 'pretty' : 'json'),
  }
}

function buildRail(
  { rail, asset, chainId }: Pick<RailConfig, 'rail' | 'asset' | 'chainId'>,
  chains: Complete<ChainSettingValues>[],
): RailConfig {
  const chain = chains.find((candidate) => candidate.chainId === chainId)
  if (asset === 'eth') return { rail, asset, chainId, token: null }
  const token = asset === 'usdc' ? chain?.usdcToken : chain?.axgtToken
  if (!token) throw new Error(`${rail} has no token contract, which an invariant should have refused`)
  return { rail, asset, chainId, token }
}

function buildChain(chain: Complete<ChainSettingValues>, values: Complete<SettingValues>): ChainConfig {
  return {
    chainId: chain.chainId,
    rpcUrls: chain.rpcUrls,
    startBlock: BigInt(chain.startBlock),
    confirmations: chain.confirmations ?? values.confirmations,
    axgtToken: chain.axgtToken,
    ethDetection: chain.ethDetection ?? values.ethDetection,
    ethUsdFeed: chain.ethUsdFeed,
    sequencerFeed: chain.sequencerFeed,
    axgtPool: chain.axgtPool,
    weth: chain.weth,
  }
}

function buildPricing(values: Complete<SettingValues>): Config['pricing'] {
  const { axgtDailyCapMinutes: cap } = values
  return {
    usdPerHour: values.usdPerHour,
    ethUsdMaxAgeSeconds: values.ethUsdMaxAgeSeconds,
    eth: { minimumEth: values.ethMinimum, ...buildEthPricing(values) },
    usdc: { minimumUsdc: values.usdcMinimum },
    axgt: {
      minimumAxgt: values.axgtMinimum,
      bonusPercent: values.axgtBonusPercent,
      dailyCapMicros: cap === null || cap === 'none' ? null : BigInt(cap) * MICROS_PER_MINUTE,
      ...buildAxgtPricing(values),
    },
    tiers: values.tiers,
  }
}

function buildEthPricing(values: Complete<SettingValues>): EthPricing {
  switch (values.ethPricing) {
    case 'fixed':
      return { mode: 'fixed', minutesPerEth: values.ethMinutesPerEth }
    case 'chainlink':
      return { mode: 'chainlink' }
  }
}

function buildAxgtPricing(values: Complete<SettingValues>): AxgtPricing {
  switch (values.axgtPricing) {
    case 'fixed':
      return { mode: 'fixed', minutesPer100: values.axgtMinutesPer100 }
    case 'twap':
      return {
        mode: 'twap',
        twapSeconds: values.axgtTwapSeconds,
        maxDeviationPercent: values.axgtMaxDeviationPercent,
        minimumLiquidityEth: values.axgtMinimumLiquidityEth,
      }
  }
}

/**
 * Reads only the settings that locate the database, for commands that ask no chain and so need no chain's settings.
 * `databaseUrl` null: the embedded PostgreSQL under `dataDir`, which is absolute.
 */
export function parseDatabaseSettings(
  env: Record<string, string | undefined>,
): { ok: true; settings: Pick<Config, 'databaseUrl' | 'dataDir'> } | { ok: false; faults: SettingFault[] } {
  const databaseUrl = readSetting(settings.databaseUrl, env)
  const dataDir = readSetting(settings.dataDir, env)
  if (databaseUrl.value === undefined || dataDir.value === undefined) {
    return { ok: false, faults: [...databaseUrl.faults, ...dataDir.faults] }
  }
  return { ok: true, settings: { databaseUrl: databaseUrl.value, dataDir: resolve(dataDir.value) } }
}

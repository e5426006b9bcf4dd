import type { Asset, Fraction } from './config.ts'
import { describeGiven, variableOf } from './readSetting.ts'
import type { ChainSettingValues, SettingsReading } from './readSettings.ts'
import type { SettingFault } from './settingFault.ts'
import { chainSettings, settings } from './settings.ts'

type Invariant = (reading: SettingsReading) => SettingFault[]
type AnyRow = (typeof settings)[keyof typeof settings] | (typeof chainSettings)[keyof typeof chainSettings]

const MICROS_PER_MINUTE = 60_000_000n

const faultOf = (row: AnyRow, text: string | null, why: string, chainId?: number): SettingFault => ({
  variable: variableOf(row, chainId),
  was: text === null ? 'not set' : describeGiven(row, text),
  why,
  mayBe: row.shape.mayBe,
})

const isEnabled = ({ values }: SettingsReading, asset: Asset, chainId?: number): boolean =>
  (values.rails ?? []).some(
    (rail) => rail.asset === asset && (chainId === undefined || rail.chainId === chainId),
  )

/** Otherwise every desktop would be taken for dead between two heartbeats. */
export const invariantHeartbeatTimeoutExceedsInterval: Invariant = ({ values }) => {
  const { heartbeatIntervalSeconds: interval, heartbeatTimeoutSeconds: timeout } = values
  if (interval === undefined || timeout === undefined || timeout > interval) return []
  const why = `it is not longer than HEARTBEAT_INTERVAL_SECONDS, ${interval}`
  return [faultOf(settings.heartbeatTimeoutSeconds, String(timeout), why)]
}

/** One key for both would make every desktop an operator. */
export const invariantKeysDiffer: Invariant = ({ values }) => {
  if (values.adminApiKey === undefined || values.adminApiKey !== values.serviceApiKey) return []
  return [faultOf(settings.adminApiKey, values.adminApiKey, 'it is the same as SERVICE_API_KEY')]
}

/** Unsigned events could be forged, and a key alone sends none. */
export const invariantWebhookIsWhole: Invariant = ({ values }) => {
  const { webhookUrl: url, webhookSecret: secret } = values
  if (url === null && typeof secret === 'string') {
    return [faultOf(settings.webhookUrl, null, 'WEBHOOK_SECRET is set, and one needs the other')]
  }
  if (secret === null && typeof url === 'string') {
    return [faultOf(settings.webhookSecret, null, 'WEBHOOK_URL is set, and one needs the other')]
  }
  return []
}

/** Irrelevant without an ETH rail. */
export const invariantEthPricingIsBuilt: Invariant = (reading) => {
  if (reading.values.ethPricing !== 'chainlink' || !isEnabled(reading, 'eth')) return []
  const why = '`chainlink` is not in this release; set ETH_PRICING=fixed'
  return [faultOf(settings.ethPricing, 'chainlink', why)]
}

/** The default, `twap`, is the one that is not built yet, so with an AXGT rail the operator has to say `fixed`. */
export const invariantAxgtPricingIsBuilt: Invariant = (reading) => {
  if (reading.values.axgtPricing !== 'twap' || !isEnabled(reading, 'axgt')) return []
  const why =
    '`twap` is the default and not in this release; set AXGT_PRICING=fixed, or take the AXGT rails out of RAILS'
  return [faultOf(settings.axgtPricing, 'twap', why)]
}

/** A token rail needs its contract, and only for some chains do we know it. */
export const invariantTokenRailHasItsContract: Invariant = (reading) =>
  reading.chains.flatMap(({ chainId, usdcToken, axgtToken }) => [
    ...(usdcToken === null && isEnabled(reading, 'usdc', chainId)
      ? [faultOf(chainSettings.usdcToken, null, `RAILS enables usdc:${chainId}`, chainId)]
      : []),
    ...(axgtToken === null && isEnabled(reading, 'axgt', chainId)
      ? [faultOf(chainSettings.axgtToken, null, `RAILS enables axgt:${chainId}`, chainId)]
      : []),
  ])

/** One contract as two assets would credit each payment twice; a wallet that is a token contract can not be paid. */
export const invariantAddressesDiffer: Invariant = ({ values, chains }) =>
  chains.flatMap(({ chainId, usdcToken, axgtToken }: ChainSettingValues) => {
    const wallet = values.revenueWallet
    const faults: SettingFault[] = []
    if (usdcToken && usdcToken === wallet) {
      faults.push(faultOf(chainSettings.usdcToken, usdcToken, 'it is the REVENUE_WALLET', chainId))
    }
    if (axgtToken && axgtToken === wallet) {
      faults.push(faultOf(chainSettings.axgtToken, axgtToken, 'it is the REVENUE_WALLET', chainId))
    }
    if (axgtToken && axgtToken === usdcToken) {
      faults.push(faultOf(chainSettings.axgtToken, axgtToken, `it is USDC_ADDRESS_${chainId}`, chainId))
    }
    return faults
  })

/** A credit of nothing can not be posted. The discount cancels out: it lowers the minimum as it raises the rate. */
export const invariantMinimumIsWorthSomething: Invariant = ({ values }) => {
  const { ethMinimum, ethMinutesPerEth, usdcMinimum, usdPerHour, axgtMinimum, axgtMinutesPer100 } = values
  const why = 'it is worth less than a microsecond of desktop time at the configured rate'
  const faults: SettingFault[] = []
  if (ethMinimum && ethMinutesPerEth && !isWorthAMicro(ethMinimum, ethMinutesPerEth, 1n)) {
    faults.push(faultOf(settings.ethMinimum, asText(ethMinimum), why))
  }
  if (usdcMinimum && usdPerHour) {
    const minutesPerUsdc = { numerator: 60n * usdPerHour.denominator, denominator: usdPerHour.numerator }
    if (!isWorthAMicro(usdcMinimum, minutesPerUsdc, 1n)) {
      faults.push(faultOf(settings.usdcMinimum, asText(usdcMinimum), why))
    }
  }
  if (axgtMinimum && axgtMinutesPer100 && !isWorthAMicro(axgtMinimum, axgtMinutesPer100, 100n)) {
    faults.push(faultOf(settings.axgtMinimum, asText(axgtMinimum), why))
  }
  return faults
}

function isWorthAMicro(amount: Fraction, minutes: Fraction, per: bigint): boolean {
  const micros = amount.numerator * minutes.numerator * MICROS_PER_MINUTE
  return micros >= amount.denominator * minutes.denominator * per
}

/** Exact: every decimal that is accepted has at most 18 decimals. */
function asText({ numerator, denominator }: Fraction): string {
  const digits = String((numerator * 10n ** 18n) / denominator).padStart(19, '0')
  return `${digits.slice(0, -18)}.${digits.slice(-18)}`.replace(/\.?0+$/, '')
}

/** Every rule that binds several settings; each judges only what could be read. */
export const invariants: readonly Invariant[] = [
  invariantHeartbeatTimeoutExceedsInterval,
  invariantKeysDiffer,
  invariantWebhookIsWhole,
  invariantEthPricingIsBuilt,
  invariantAxgtPricingIsBuilt,
  invariantTokenRailHasItsContract,
  invariantAddressesDiffer,
  invariantMinimumIsWorthSomething,
]

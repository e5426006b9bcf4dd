import type { Asset, Fraction } from './config.ts'
import type { SettingsReading } from './readSettings.ts'
import { describeGiven, type SettingFault, variableOf } from './setting.ts'
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

/** Otherwise every desktop would count as dead between two heartbeats. */
export const invariantHeartbeatTimeoutExceedsInterval: Invariant = ({ values }) => {
  const { heartbeatIntervalSeconds: interval, heartbeatTimeoutSeconds: timeout } = values
  if (interval === undefined || timeout === undefined || timeout > interval) return []
  const why = `it is not longer than HEARTBEAT_INTERVAL_SECONDS, ${interval}`
  return [faultOf(settings.heartbeatTimeoutSeconds, String(timeout), why)]
}

/** One key for both would make every desktop an operator. */
const invariantKeysDiffer: Invariant = ({ values }) => {
  if (values.adminApiKey === undefined || values.adminApiKey !== values.serviceApiKey) return []
  return [faultOf(settings.adminApiKey, values.adminApiKey, 'it is the same as SERVICE_API_KEY')]
}

/** Unsigned events could be forged, and a key without a URL sends nothing. */
const invariantWebhookIsWhole: Invariant = ({ values }) => {
  const { webhookUrl: url, webhookSecret: secret } = values
  if (url === null && secret) {
    return [faultOf(settings.webhookUrl, null, 'WEBHOOK_SECRET is set, and one needs the other')]
  }
  if (secret === null && url) {
    return [faultOf(settings.webhookSecret, null, 'WEBHOOK_URL is set, and one needs the other')]
  }
  return []
}

/** A token rail needs its contract, and we know it for some chains only. */
const invariantTokenRailHasItsContract: Invariant = (reading) =>
  reading.chains.flatMap(({ chainId, usdcToken, axgtToken }) => [
    ...(usdcToken === null && isEnabled(reading, 'usdc', chainId)
      ? [faultOf(chainSettings.usdcToken, null, `RAILS enables usdc:${chainId}`, chainId)]
      : []),
    ...(axgtToken === null && isEnabled(reading, 'axgt', chainId)
      ? [faultOf(chainSettings.axgtToken, null, `RAILS enables axgt:${chainId}`, chainId)]
      : []),
  ])

/** A live price comes from a feed, and we know it for some chains only. The TWAP is in WETH, so it needs the feed too. */
const invariantLivePriceHasItsFeed: Invariant = (reading) =>
  reading.chains.flatMap(({ chainId, ethUsdFeed }) => {
    if (ethUsdFeed !== null) return []
    const needs: string[] = []
    const ways: string[] = []
    if (reading.values.ethPricing === 'chainlink' && isEnabled(reading, 'eth', chainId)) {
      needs.push(`eth:${chainId}`)
      ways.push('ETH_PRICING=fixed')
    }
    if (reading.values.axgtPricing === 'twap' && isEnabled(reading, 'axgt', chainId)) {
      needs.push(`axgt:${chainId}`)
      ways.push('AXGT_PRICING=fixed')
    }
    if (needs.length === 0) return []
    const why = `the price of ${needs.join(' and ')} comes from it; set it, or ${ways.join(' and ')}`
    return [faultOf(chainSettings.ethUsdFeed, null, why, chainId)]
  })

/** `twap` is the default and we know no pool, so with an AXGT rail the operator must name one or choose `fixed`. */
const invariantTwapHasItsPool: Invariant = (reading) =>
  reading.chains.flatMap(({ chainId, axgtPool }) => {
    if (axgtPool !== null || reading.values.axgtPricing !== 'twap') return []
    if (!isEnabled(reading, 'axgt', chainId)) return []
    const why = `the price of axgt:${chainId} comes from it; set it, or AXGT_PRICING=fixed`
    return [faultOf(chainSettings.axgtPool, null, why, chainId)]
  })

/** The price of a pool can be pushed, at a cost: how much may be lost to it in a day is for the operator to say. */
const invariantTwapHasItsCap: Invariant = ({ values }) => {
  const { rails = [], axgtPricing, axgtDailyCapMinutes } = values
  const sold = rails.filter(({ asset }) => asset === 'axgt').map(({ rail }) => rail)
  if (axgtDailyCapMinutes !== null || axgtPricing !== 'twap' || sold.length === 0) return []
  const why = `the price of ${sold.join(' and ')} comes from a pool; set it, or AXGT_PRICING=fixed`
  return [faultOf(settings.axgtDailyCapMinutes, null, why)]
}

/**
 * One contract used as two assets would credit each payment twice; a revenue wallet that is one of these contracts cannot
 * be paid; a price source that equals a token, the wallet or another source was pasted into the wrong line. The fault
 * names the later of the two.
 */
const invariantAddressesDiffer: Invariant = ({ values, chains }) =>
  chains.flatMap((chain) => {
    const { chainId } = chain
    const contracts = CONTRACTS.map((name) => ({ row: chainSettings[name], address: chain[name] }))
    const inOrder = [{ row: settings.revenueWallet, address: values.revenueWallet }, ...contracts]
    return contracts.flatMap(({ row, address }) => {
      const first = inOrder.find((other) => other.address === address)
      if (!address || !first || first.row === row) return []
      return [faultOf(row, address, `it is ${variableOf(first.row, chainId)}`, chainId)]
    })
  })

const CONTRACTS = ['usdcToken', 'weth', 'axgtToken', 'ethUsdFeed', 'sequencerFeed', 'axgtPool'] as const

/**
 * A credit of 0 cannot be posted. The discount cancels out: it lowers the minimum as it raises the rate. Minimums at a live
 * price are not checked: their worth depends on the deposit's block.
 */
const invariantMinimumIsWorthSomething: Invariant = ({ values }) => {
  const { ethMinimum, ethMinutesPerEth, usdcMinimum, usdPerHour, axgtMinimum, axgtMinutesPer100 } = values
  const why = 'it is worth less than a microsecond of desktop time at the configured rate'
  const faults: SettingFault[] = []
  if (values.ethPricing === 'fixed' && ethMinimum && ethMinutesPerEth) {
    if (!isWorthAMicro(ethMinimum, ethMinutesPerEth, 1n)) {
      faults.push(faultOf(settings.ethMinimum, asText(ethMinimum), why))
    }
  }
  if (usdcMinimum && usdPerHour) {
    const minutesPerUsdc = { numerator: 60n * usdPerHour.denominator, denominator: usdPerHour.numerator }
    if (!isWorthAMicro(usdcMinimum, minutesPerUsdc, 1n)) {
      faults.push(faultOf(settings.usdcMinimum, asText(usdcMinimum), why))
    }
  }
  if (values.axgtPricing === 'fixed' && axgtMinimum && axgtMinutesPer100) {
    if (!isWorthAMicro(axgtMinimum, axgtMinutesPer100, 100n)) {
      faults.push(faultOf(settings.axgtMinimum, asText(axgtMinimum), why))
    }
  }
  return faults
}

function isWorthAMicro(amount: Fraction, minutes: Fraction, per: bigint): boolean {
  const micros = amount.numerator * minutes.numerator * MICROS_PER_MINUTE
  return micros >= amount.denominator * minutes.denominator * per
}

/** Exact: accepted decimals have at most 18 decimal places. */
function asText({ numerator, denominator }: Fraction): string {
  const digits = String((numerator * 10n ** 18n) / denominator).padStart(19, '0')
  return `${digits.slice(0, -18)}.${digits.slice(-18)}`.replace(/\.?0+$/, '')
}

/** Every rule between several settings; each judges only the values that could be read. */
export const invariants: readonly Invariant[] = [
  invariantHeartbeatTimeoutExceedsInterval,
  invariantKeysDiffer,
  invariantWebhookIsWhole,
  invariantTokenRailHasItsContract,
  invariantLivePriceHasItsFeed,
  invariantTwapHasItsPool,
  invariantTwapHasItsCap,
  invariantAddressesDiffer,
  invariantMinimumIsWorthSomething,
]

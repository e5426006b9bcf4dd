import { invariantHeartbeatTimeoutExceedsInterval } from '../billing/config/invariants.ts'
import { formatFaults } from '../billing/config/parseSettings.ts'
import { readSettings } from '../billing/config/readSettings.ts'
import { readSetting } from '../billing/config/setting.ts'
import { chainSettings, settings } from '../billing/config/settings.ts'
import { webhookEndpointId } from '../billing/events/webhooks/postWebhook.ts'
import { type StorageRate, storageRate } from '../billing/metering/accrueStorage.ts'
import { type MeterLimits, meterLimits } from '../billing/metering/meterSessions.ts'
import { BadSettings } from './cli.ts'

const rows = [
  settings.heartbeatIntervalSeconds,
  settings.heartbeatTimeoutSeconds,
  settings.graceMinutes,
  settings.gracePercent,
  settings.lowBalanceMinutes,
  settings.storageMinutesPerGibHour,
  settings.storageDebtLimitMinutes,
].map(({ variable }) => variable)

/**
 * The limits and the rate that sessions and volumes are metered by, read from their settings alone: a command that only
 * meters needs no chain settings and no keys.
 */
export function meteringFromSettings(env: Record<string, string | undefined>): {
  limits: MeterLimits
  rate: StorageRate
} {
  const reading = readSettings(env)
  const faults = [...reading.faults, ...invariantHeartbeatTimeoutExceedsInterval(reading)].filter(
    ({ variable }) => rows.includes(variable),
  )
  const {
    heartbeatIntervalSeconds,
    heartbeatTimeoutSeconds,
    graceMinutes,
    gracePercent,
    lowBalanceMinutes,
    storageMinutesPerGibHour,
    storageDebtLimitMinutes,
  } = reading.values
  if (
    faults.length > 0 ||
    heartbeatIntervalSeconds === undefined ||
    heartbeatTimeoutSeconds === undefined ||
    graceMinutes === undefined ||
    gracePercent === undefined ||
    lowBalanceMinutes === undefined ||
    storageMinutesPerGibHour === undefined ||
    storageDebtLimitMinutes === undefined
  ) {
    throw new BadSettings(formatFaults(faults))
  }
  return {
    limits: meterLimits({
      sessions: {
        heartbeatIntervalSeconds,
        heartbeatTimeoutSeconds,
        graceMinutes,
        gracePercent,
        lowBalanceMinutes,
      },
    }),
    rate: storageRate({
      storage: { minutesPerGibHour: storageMinutesPerGibHour, debtLimitMinutes: storageDebtLimitMinutes },
    }),
  }
}

/**
 * The confirmations that a chain's deposits need, from `CONFIRMATIONS` and `CONFIRMATIONS_<chainId>` alone: a command
 * that only reads what is recorded needs no other settings of a chain.
 */
export function confirmationsFromSettings(
  env: Record<string, string | undefined>,
): (chainId: number) => number {
  return (chainId) => {
    const own = readSetting(chainSettings.confirmations, env, chainId)
    const common = readSetting(settings.confirmations, env)
    const faults = [...own.faults, ...common.faults]
    const confirmations = own.value ?? common.value
    if (faults.length > 0 || confirmations === undefined) throw new BadSettings(formatFaults(faults))
    return confirmations
  }
}

/** The id of the receiver that `WEBHOOK_URL` names; no other setting is read. */
export function endpointFromSettings(env: Record<string, string | undefined>): string {
  const { value: url, faults } = readSetting(settings.webhookUrl, env)
  if (url === undefined) throw new BadSettings(formatFaults(faults))
  if (url === null) throw new BadSettings('WEBHOOK_URL is not set: there is no receiver to deliver to.')
  return webhookEndpointId(url)
}

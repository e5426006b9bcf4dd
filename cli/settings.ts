import { invariantHeartbeatTimeoutExceedsInterval } from '../billing/config/invariants.ts'
import { formatFaults } from '../billing/config/parseSettings.ts'
import { readSettings } from '../billing/config/readSettings.ts'
import { settings } from '../billing/config/settings.ts'
import { type StorageRate, storageRate } from '../billing/metering/accrueStorage.ts'
import { type MeterLimits, meterLimits } from '../billing/metering/meterSessions.ts'
import { BadSettings } from './badSettings.ts'

const rows = [
  settings.heartbeatIntervalSeconds,
  settings.heartbeatTimeoutSeconds,
  settings.graceMinutes,
  settings.lowBalanceMinutes,
  settings.storageMinutesPerGibHour,
  settings.storageDebtLimitMinutes,
].map(({ variable }) => variable)

/**
 * What sessions and volumes are metered by, from their settings alone: a command that only meters needs no chain's
 * settings and no keys.
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
    lowBalanceMinutes,
    storageMinutesPerGibHour,
    storageDebtLimitMinutes,
  } = reading.values
  if (
    faults.length > 0 ||
    heartbeatIntervalSeconds === undefined ||
    heartbeatTimeoutSeconds === undefined ||
    graceMinutes === undefined ||
    lowBalanceMinutes === undefined ||
    storageMinutesPerGibHour === undefined ||
    storageDebtLimitMinutes === undefined
  ) {
    throw new BadSettings(formatFaults(faults))
  }
  return {
    limits: meterLimits({
      sessions: { heartbeatIntervalSeconds, heartbeatTimeoutSeconds, graceMinutes, lowBalanceMinutes },
    }),
    rate: storageRate({
      storage: { minutesPerGibHour: storageMinutesPerGibHour, debtLimitMinutes: storageDebtLimitMinutes },
    }),
  }
}

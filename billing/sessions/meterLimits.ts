import type { Config } from '../config/config.ts'

/** What sessions are metered by, in the units of the meter: microseconds of time, which are micros for one GPU. */
export interface MeterLimits {
  heartbeatIntervalMicros: bigint
  heartbeatTimeoutMicros: bigint
  graceMicros: bigint
  lowBalanceMinutes: number
}

const MICROS_PER_SECOND = 1_000_000n
const SECONDS_PER_MINUTE = 60n

/** The limits that the settings name. */
export function meterLimits({ sessions }: Pick<Config, 'sessions'>): MeterLimits {
  return {
    heartbeatIntervalMicros: BigInt(sessions.heartbeatIntervalSeconds) * MICROS_PER_SECOND,
    heartbeatTimeoutMicros: BigInt(sessions.heartbeatTimeoutSeconds) * MICROS_PER_SECOND,
    graceMicros: BigInt(sessions.graceMinutes) * SECONDS_PER_MINUTE * MICROS_PER_SECOND,
    lowBalanceMinutes: sessions.lowBalanceMinutes,
  }
}

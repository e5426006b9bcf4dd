import type { Config, Fraction } from '../config/config.ts'

/** What stored volumes cost, in the units of the meter. */
export interface StorageRate {
  /** Micros for a GiB and an hour, exact. */
  microsPerGibHour: Fraction
  /** The debt at which volumes are due to be pruned. */
  debtLimitMicros: bigint
}

const MICROS_PER_MINUTE = 60_000_000n

/** The rate that the settings name. */
export function storageRate({ storage }: Pick<Config, 'storage'>): StorageRate {
  const { numerator, denominator } = storage.minutesPerGibHour
  return {
    microsPerGibHour: { numerator: numerator * MICROS_PER_MINUTE, denominator },
    debtLimitMicros: BigInt(storage.debtLimitMinutes) * MICROS_PER_MINUTE,
  }
}

import type { Balance } from '../api/apiTypes.ts'

/** What an account has at a moment, derived from the service's last answer. */
export interface LiveBalance {
  balanceMicros: bigint
  /** null while nothing burns. */
  runsOutAtMs: number | null
  isLow: boolean
  /** Seconds until desktops stop; null while no session is in grace. */
  graceLeftSeconds: number | null
}

const MS_PER_MINUTE = 60_000n

/**
 * Carries a balance forward from when it was received by what running sessions use, in whole numbers, floored as billing
 * does. Usage never takes it below zero. It is an estimate between two events, and each event replaces it.
 *
 * @param known as received, with the time of this device at that moment
 * @param lowBalanceMinutes the service's warning threshold
 */
export function liveBalance(
  known: Balance & { receivedAtMs: number },
  atMs: number,
  { lowBalanceMinutes }: { lowBalanceMinutes: number },
): LiveBalance {
  const received = BigInt(known.balanceMicros)
  const burn = BigInt(known.burnMicrosPerMinute)
  // A clock that was set back must not add to the balance.
  const passedMs = BigInt(Math.max(0, Math.floor(atMs - known.receivedAtMs)))
  const left = received - (burn * passedMs) / MS_PER_MINUTE
  const balanceMicros = received <= 0n ? received : left > 0n ? left : 0n
  const burns = burn > 0n && received > 0n
  return {
    balanceMicros,
    runsOutAtMs: burns ? known.receivedAtMs + Number((received * MS_PER_MINUTE) / burn) : null,
    isLow: known.low || (burns && balanceMicros <= burn * BigInt(lowBalanceMinutes)),
    graceLeftSeconds: graceLeft(known.graceRemainingSeconds, passedMs),
  }
}

/** The service counts it at the GPUs that run, so it runs down with the clock. */
function graceLeft(remainingSeconds: number | null, passedMs: bigint): number | null {
  return remainingSeconds === null ? null : Math.max(0, remainingSeconds - Number(passedMs / 1000n))
}

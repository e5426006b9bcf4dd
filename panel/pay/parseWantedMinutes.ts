import { type AmountFault, parseAmount } from './amounts.ts'

const DECIMALS = 6
const MICROS_PER_MILLIONTH = 60n

/** The most that one payment may become, as billing has it: 2^53 − 1 micros. */
const MAX_CREDIT_MICROS = 2n ** 53n - 1n

/**
 * Reads what somebody typed as wanted minutes, in micros: at most 6 decimals, above zero, and no more than one payment
 * may become. Otherwise as strict as {@link parseAmount}.
 */
export function parseWantedMinutes(
  text: string,
): { kind: 'minutes'; micros: bigint } | { kind: 'fault'; fault: AmountFault } {
  const parsed = parseAmount(text, DECIMALS)
  if (parsed.kind === 'fault') return parsed
  const micros = parsed.baseUnits * MICROS_PER_MILLIONTH
  return micros > MAX_CREDIT_MICROS ? { kind: 'fault', fault: 'too_large' } : { kind: 'minutes', micros }
}

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Quote, RailConfig } from '../../api/apiTypes.ts'
import { minutesText } from '../../format.ts'
import {
  type AmountFault,
  amountFor,
  formatAmount,
  microsFor,
  parseAmount,
  parseWantedMinutes,
  type Rate,
} from '../../pay/amounts.ts'
import { askAmount } from '../../state/amountQuotes.ts'

/** Decimals of amounts calculated from minutes: nobody pays in finer steps than a gwei. */
const MAX_DECIMALS = 9
const ASK_AFTER_MS = 400

/** The two fields for the same payment, each in its unit, and what it buys. */
export interface AmountFields {
  amountText: string
  minutesText: string
  /** null if the fields hold no amount. */
  amountBaseUnits: bigint | null
  fault: { field: 'amount' | 'minutes'; fault: AmountFault } | null
  /** What the amount buys, in micros: by the rate at once, then by the service's own answer. */
  creditMicros: bigint | null
  typeAmount(text: string): void
  typeMinutes(text: string): void
}

/**
 * Keeps an amount and its minutes in step, whichever is typed. The quote's exact rate answers while somebody types; when
 * they pause, the service is asked about that very amount, and its newest answer counts.
 */
export function useAmountFields(rail: RailConfig, quote: Quote | null, minimum: bigint): AmountFields {
  const rate = quote === null ? null : rateOf(quote)
  const amountText = useSignal(formatAmount(minimum, rail.decimals))
  const minutes = useSignal('')
  const typed = useSignal<'amount' | 'minutes'>('amount')
  const confirmed = useSignal<Quote | null>(null)
  const amount = parseAmount(amountText.value, rail.decimals)
  const wanted = parseWantedMinutes(minutes.value)
  const amountBaseUnits = amount.kind === 'amount' ? amount.baseUnits : null

  useEffect(() => {
    confirmed.value = null
    if (amountBaseUnits === null || quote === null) return
    const over = new AbortController()
    const timer = setTimeout(async () => {
      const answer = await askAmount(rail, amountBaseUnits, over.signal)
      if (answer !== null && !over.signal.aborted) confirmed.value = answer
    }, ASK_AFTER_MS)
    return () => {
      clearTimeout(timer)
      over.abort()
    }
  }, [amountBaseUnits, quote, rail, confirmed])

  const byRate = amountBaseUnits === null || rate === null ? null : microsFor(amountBaseUnits, rate)
  return {
    amountText: amountText.value,
    // What was typed stays; the other field follows it and the price.
    minutesText: typed.value === 'minutes' ? minutes.value : byRate === null ? '' : plainMinutes(byRate),
    amountBaseUnits,
    fault: faultOf(typed.value, amount, wanted),
    creditMicros: confirmed.value === null ? byRate : BigInt(confirmed.value.creditMicros),
    typeAmount(text) {
      typed.value = 'amount'
      amountText.value = text
    },
    typeMinutes(text) {
      typed.value = 'minutes'
      minutes.value = text
      const parsed = parseWantedMinutes(text)
      const cost = parsed.kind === 'minutes' && rate !== null ? amountFor(parsed.micros, rate) : null
      amountText.value = cost === null ? '' : formatAmount(roundUp(cost, rail.decimals), rail.decimals)
    },
  }
}

function faultOf(
  typed: 'amount' | 'minutes',
  amount: ReturnType<typeof parseAmount>,
  wanted: ReturnType<typeof parseWantedMinutes>,
): AmountFields['fault'] {
  if (typed === 'minutes' && wanted.kind === 'fault') return { field: 'minutes', fault: wanted.fault }
  return amount.kind === 'fault' ? { field: typed, fault: amount.fault } : null
}

function rateOf({ rate }: Quote): Rate {
  return { numerator: BigInt(rate.numerator), denominator: BigInt(rate.denominator) }
}

/** As it would be typed: without thousands separators. */
function plainMinutes(micros: bigint): string {
  return minutesText(micros, 2).replaceAll(',', '')
}

function roundUp(baseUnits: bigint, decimals: number): bigint {
  const step = 10n ** BigInt(Math.max(0, decimals - MAX_DECIMALS))
  return ((baseUnits + step - 1n) / step) * step
}

import { type AxgtHistory, MAX_NOTES, type PastPrice } from '../../../billing/pricing/axgtHistory.ts'

/** Prices as whole numbers of 10^-18 USD, as the database keeps them: what is compared is then exact. */
export const SCALE = 10n ** 18n
export const DAY = 86_400

/** A price on record. `seconds` is its block's time; the order in a list is that in which they were written. */
export interface OnRecord {
  seconds: number
  price: bigint
}

export const past = ({ seconds, price }: OnRecord): PastPrice => ({
  usdPerUnit: { numerator: price, denominator: SCALE },
  timestamp: BigInt(seconds),
})

/** What a price at a moment is compared with, by the words of `AxgtHistory` and nothing of the product's code. */
export function historyAt(seconds: number, noted: OnRecord[], credited: OnRecord[]): AxgtHistory {
  const byStretch = new Map<number, OnRecord>()
  for (const note of noted) {
    if (note.seconds >= seconds) continue
    const stretch = Math.floor(note.seconds / 300)
    const known = byStretch.get(stretch)
    if (known === undefined || note.seconds < known.seconds) byStretch.set(stretch, note)
  }
  const newestFirst = [...byStretch.values()].sort((a, b) => b.seconds - a.seconds).slice(0, MAX_NOTES)
  return {
    notes: newestFirst.map(past),
    creditedBefore: rangeOf(credited.filter((one) => one.seconds <= seconds && one.seconds >= seconds - DAY)),
    creditedAfter: rangeOf(credited.filter((one) => one.seconds > seconds && one.seconds <= seconds + DAY)),
  }
}

function rangeOf(prices: OnRecord[]): AxgtHistory['creditedBefore'] {
  const [first, ...others] = prices.map(({ price }) => price)
  if (first === undefined) return null
  const lowest = others.reduce((least, price) => (price < least ? price : least), first)
  const highest = others.reduce((most, price) => (price > most ? price : most), first)
  return {
    lowest: { numerator: lowest, denominator: SCALE },
    highest: { numerator: highest, denominator: SCALE },
  }
}

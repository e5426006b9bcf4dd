import type { Fraction } from '../config/config.ts'
import { compare, formatFraction, multiply, subtract } from './fraction.ts'

/** A price of the past, with the time of its block. */
export interface PastPrice {
  /** USD per AXGT. What is on record is floored to 18 decimals. */
  usdPerUnit: Fraction
  /** Seconds since 1970. */
  timestamp: bigint
}

/** The lowest and the highest of some prices. */
export interface PriceRange {
  lowest: Fraction
  highest: Fraction
}

/** What an AXGT price at a block is compared with: prices of its own rail, dated by their blocks. */
export interface AxgtHistory {
  /**
   * Prices noted before the block, newest first, up to {@link MAX_NOTES} of them, however old. Of each
   * {@link SECONDS_PER_NOTE} of chain time it is the first, so that a burst of deposits weighs no more than a single one, and
   * no later note takes the place of an earlier one.
   */
  notes: PastPrice[]
  /** Prices of standing credits from a day before the block up to and including it; null: there are none. */
  creditedBefore: PriceRange | null
  /** The same for the day after the block: a deposit may be found late. */
  creditedAfter: PriceRange | null
}

export const DAY_SECONDS = 86_400
/** Every note stands for as much chain time; more notes within it have one vote together. */
export const SECONDS_PER_NOTE = 300
/** One more than fit into a day: a day may begin within a stretch and end within another. */
const MAX_NOTES_OF_A_DAY = DAY_SECONDS / SECONDS_PER_NOTE + 1
/** As many as two days can have. */
export const MAX_NOTES = 2 * (DAY_SECONDS / SECONDS_PER_NOTE) + 1
const HUNDRED = 100n
/** A pause of more days widens no further. It keeps the arithmetic bounded: thirty days at 25 % are a factor of 800. */
const MAX_STEPS = 30n

/**
 * Says in one sentence what an AXGT price is too far from, or null where it is near enough. Pure; exactly at the limit is
 * near enough. ADR 0020 has the reasons and the proof of what follows from the three rules: no sequence of prices, each
 * accepted, moves the price by more than the limit within a day.
 *
 * 1. Of two credits at most 24 hours apart by their blocks, the later is within the limit of the earlier.
 * 2. The price is within the limit of the median of the last day of notes.
 * 3. It is within the limit of at least as many of the notes of two days as a single day can have, and one more; of all
 *    of them while there are fewer. The median of a day can be moved twice within one day; this cannot.
 *
 * The last day, or two, end with the newest note. After a pause in the notes, whatever the cause, it is therefore the last
 * known price that counts. From two days on, a pause allows one step of the limit for each of its whole days, so that a
 * market that really moved is followed.
 */
export function whyFarFromHistory(
  { usdPerUnit: price, timestamp }: PastPrice,
  history: AxgtHistory,
  limitPercent: Fraction,
): string | null {
  if (!isCreditableBeside(price, history, limitPercent)) {
    return 'the AXGT price is too far from one that was credited within a day of it'
  }
  const [newest] = history.notes
  if (newest === undefined) return null
  const steps = stepsAllowed(timestamp - newest.timestamp)
  const isUnlike = unlikeness(price, limitPercent, steps)
  const day = notesWithin(history.notes, 1)
  if (isOutvoted(day, isUnlike, Math.floor((day.length - 1) / 2))) {
    const median = formatFraction(medianOf(day) ?? newest.usdPerUnit)
    return `the AXGT price is too far from the median of the prices noted over a day, ${median} USD`
  }
  const twoDays = notesWithin(history.notes, 2)
  if (isOutvoted(twoDays, isUnlike, Math.max(0, twoDays.length - MAX_NOTES_OF_A_DAY - 1))) {
    return 'the AXGT price is too far from the prices noted over two days: it may move by AXGT_MAX_DEVIATION_PERCENT a day'
  }
  return null
}

/** Whether a price may be credited beside the credits of the day before it and of the day after it. */
export function isCreditableBeside(
  price: Fraction,
  { creditedBefore, creditedAfter }: Pick<AxgtHistory, 'creditedBefore' | 'creditedAfter'>,
  limitPercent: Fraction,
): boolean {
  const before = creditedBefore === null ? [] : [creditedBefore.lowest, creditedBefore.highest]
  const after = creditedAfter === null ? [] : [creditedAfter.lowest, creditedAfter.highest]
  return (
    before.every((earlier) => !isFar(price, earlier, limitPercent)) &&
    after.every((later) => !isFar(later, price, limitPercent))
  )
}

/**
 * The median of as many notes as a day has, however old they are, of two the lower; null without notes. What is noted right
 * after a pause weighs little in it.
 */
export function medianOfNotedDay({ notes }: AxgtHistory): Fraction | null {
  return medianOf(notes.slice(0, MAX_NOTES_OF_A_DAY))
}

/** |price − reference| > limit % of the reference. */
export function isFar(price: Fraction, reference: Fraction, limitPercent: Fraction): boolean {
  const difference = subtract(price, reference)
  const size = difference.numerator < 0n ? { ...difference, numerator: -difference.numerator } : difference
  const allowed = multiply(reference, { ...limitPercent, denominator: limitPercent.denominator * HUNDRED })
  return compare(size, allowed) > 0
}

function stepsAllowed(pauseSeconds: bigint): bigint {
  const wholeDays = pauseSeconds / BigInt(DAY_SECONDS)
  if (wholeDays < 1n) return 1n
  return wholeDays > MAX_STEPS ? MAX_STEPS : wholeDays
}

/** The notes of that many days up to the newest; exactly that old is one of them. */
function notesWithin(notes: PastPrice[], days: number): PastPrice[] {
  const [newest] = notes
  if (newest === undefined) return []
  return notes.filter(({ timestamp }) => newest.timestamp - timestamp <= BigInt(days * DAY_SECONDS))
}

function medianOf(notes: PastPrice[]): Fraction | null {
  const sorted = notes.map(({ usdPerUnit }) => usdPerUnit).sort(compare)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null
}

type Unlike = 'too_high' | 'too_low' | null

/** Compares a price with a note, so many steps of the limit apart at most. */
function unlikeness(price: Fraction, limitPercent: Fraction, steps: bigint): (note: PastPrice) => Unlike {
  const whole = limitPercent.denominator * HUNDRED
  const fall = whole - limitPercent.numerator
  const highest = { numerator: (whole + limitPercent.numerator) ** steps, denominator: whole ** steps }
  // A limit of 100 % or more has no lower end.
  const lowest = { numerator: fall > 0n ? fall ** steps : 0n, denominator: whole ** steps }
  return ({ usdPerUnit }) => {
    if (compare(price, multiply(usdPerUnit, highest)) > 0) return 'too_high'
    return compare(price, multiply(usdPerUnit, lowest)) < 0 ? 'too_low' : null
  }
}

/** Whether more notes than `mayDisagree` find the price too high, or more than that find it too low. */
function isOutvoted(notes: PastPrice[], isUnlike: (note: PastPrice) => Unlike, mayDisagree: number): boolean {
  const votes = notes.map(isUnlike)
  const count = (vote: Unlike) => votes.filter((one) => one === vote).length
  return count('too_high') > mayDisagree || count('too_low') > mayDisagree
}

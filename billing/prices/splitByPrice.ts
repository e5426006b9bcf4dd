import type { Fraction, Rail } from '../config/config.ts'
import type { Transaction } from '../database/connect.ts'
import { DAY_SECONDS, isCreditableBeside, type PastPrice } from '../pricing/axgtHistory.ts'
import { unjudgedAxgtUsd } from '../pricing/axgtUsd.ts'
import type { Quote } from '../pricing/quote.ts'
import { readCreditedBeside } from './priceHistory.ts'

interface Priced {
  credit: { quote: Quote }
}

/**
 * Keeps the credits whose AXGT price is within the limit of every other credit a day before or after it, by the blocks that
 * priced them. Each was judged so before; but what is credited at the same moment, in one pass or by two processes, was not
 * compared with each other. The lock makes concurrent transactions see each other's credits; it ends with the transaction.
 *
 * The earlier price wins. Credits at other prices are kept; the order stays as given.
 */
export async function splitByPrice<C extends Priced>(
  tx: Transaction,
  credits: C[],
  limitPercent: Fraction,
): Promise<{ within: C[]; far: C[] }> {
  const priced = credits.flatMap((one) => {
    const price = axgtPriceOf(one.credit.quote)
    return price === null ? [] : [{ one, ...price }]
  })
  if (priced.length === 0) return { within: credits, far: [] }
  await tx`select pg_advisory_xact_lock(hashtext('credits.axgt_price'))`
  priced.sort((a, b) => Number(a.timestamp - b.timestamp))
  const accepted: typeof priced = []
  const far = new Set<C>()
  for (const candidate of priced) {
    const { one, rail, usdPerUnit, timestamp } = candidate
    const stored = await readCreditedBeside(tx, rail, timestamp)
    const beside = accepted.filter(
      (other) => other.rail === rail && timestamp - other.timestamp <= BigInt(DAY_SECONDS),
    )
    const isNear =
      isCreditableBeside(usdPerUnit, stored, limitPercent) &&
      beside.every((other) => {
        const range = { lowest: other.usdPerUnit, highest: other.usdPerUnit }
        return isCreditableBeside(usdPerUnit, { creditedBefore: range, creditedAfter: null }, limitPercent)
      })
    if (isNear) accepted.push(candidate)
    else far.add(one)
  }
  return { within: credits.filter((one) => !far.has(one)), far: [...far] }
}

/** The price at the TWAP that a quote is given by; null where it is another kind of price. */
function axgtPriceOf({ rail, price }: Quote): (PastPrice & { rail: Rail }) | null {
  if (price.mode !== 'twap' || price.reading === null) return null
  return { rail, usdPerUnit: unjudgedAxgtUsd(price.reading), timestamp: price.reading.block.timestamp }
}

import type { Quote, RailConfig } from '../api/apiTypes.ts'
import { formatAmount } from '../pay/amounts.ts'
import { askQuote } from './quotes.ts'
import { signedIn } from './signedIn.ts'

/** Prices move, so an answer is reused only this long. */
const MAX_AGE_MS = 30_000
const MAX_KEPT = 50

const kept = new Map<string, { quote: Quote; atMs: number }>()

/**
 * Asks the service what an amount is worth for the signed-in wallet; the same question soon after is answered from
 * memory. null when there is no answer: the page then shows its own calculation.
 */
export async function askAmount(
  { rail, decimals }: RailConfig,
  amountBaseUnits: bigint,
  signal: AbortSignal,
): Promise<Quote | null> {
  const wallet = signedIn.peek()?.address
  const key = `${rail} ${amountBaseUnits} ${wallet ?? ''}`
  const known = kept.get(key)
  if (known !== undefined && Date.now() - known.atMs < MAX_AGE_MS) return known.quote
  const amount = formatAmount(amountBaseUnits, decimals)
  const answer = await askQuote(rail, { amount, signal, ...(wallet !== undefined && { wallet }) })
  if (answer.kind !== 'ok') return null
  if (kept.size >= MAX_KEPT) kept.clear()
  kept.set(key, { quote: answer.value, atMs: Date.now() })
  return answer.value
}

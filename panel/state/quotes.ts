import { computed, effect, type ReadonlySignal, signal } from '@preact/signals'
import type { Quote } from '../api/apiTypes.ts'
import { type ApiAnswer, callApi } from '../api/callApi.ts'
import { deposits } from './account.ts'
import { config } from './config.ts'
import { signedIn } from './signedIn.ts'

const REFRESH_MS = 60_000
const TICK_MS = 5_000
/** A price that was not available is requested again when the service says to. */
const RETRY_MS = 5_000

/** What a rail's minimum currently buys. */
export type MinimumQuote =
  | { kind: 'quoted'; quote: Quote }
  | { kind: 'no_price'; detail: string }
  | { kind: 'unknown' }

const known = signal<ReadonlyMap<string, MinimumQuote>>(new Map())

/** By rail, for the signed-in wallet's tier or tier 0. A rail without an answer yet is absent. */
export const minimumQuotes: ReadonlySignal<ReadonlyMap<string, MinimumQuote>> = known

/** Requests a quote for an amount (in asset units) or a number of minutes; with neither, for the wallet's own minimum. */
export function askQuote(
  rail: string,
  {
    wallet,
    amount,
    minutes,
    signal,
  }: { wallet?: string; amount?: string; minutes?: string; signal?: AbortSignal } = {},
): Promise<ApiAnswer<Quote>> {
  return callApi<Quote>('/v1/quotes', { query: { rail, wallet, amount, minutes }, ...(signal && { signal }) })
}

/** The number of known payments in AXGT: each leaves the wallet with less AXGT, and the tier may change. */
const axgtPayments = computed(
  () => [...deposits.value.values()].filter(({ rail }) => rail.startsWith('axgt:')).length,
)

/**
 * Keeps `minimumQuotes` up to date: once a minute while the page is visible (sooner while a price is missing), at once
 * when it becomes visible after longer, and when the wallet, the AXGT it holds or the rails change. Returns a function
 * that stops it.
 */
export function followQuotes(): () => void {
  let round = 0
  let askedAtMs = 0
  async function ask(): Promise<void> {
    const mine = ++round
    askedAtMs = Date.now()
    const wallet = signedIn.peek()?.address
    const rails = config.peek()?.rails ?? []
    const answers = await Promise.all(
      rails.map(async ({ rail }) => [rail, summary(await askQuote(rail, wallet ? { wallet } : {}))] as const),
    )
    if (mine !== round) return
    if (answers.some(([, quote]) => quote.kind !== 'quoted')) askedAtMs = Date.now() - REFRESH_MS + RETRY_MS
    // What cannot be loaded at the moment stays as it was.
    const kept = answers.filter(([rail, quote]) => quote.kind !== 'unknown' || !known.peek().has(rail))
    known.value = new Map([...known.peek(), ...kept])
  }
  const stop = effect(() => {
    if (config.value !== null && [signedIn.value, axgtPayments.value]) void ask()
  })
  const askIfOld = () => {
    if (!document.hidden && Date.now() - askedAtMs >= REFRESH_MS) void ask()
  }
  const timer = setInterval(askIfOld, TICK_MS)
  document.addEventListener('visibilitychange', askIfOld)
  return () => {
    stop()
    clearInterval(timer)
    document.removeEventListener('visibilitychange', askIfOld)
  }
}

function summary(answer: ApiAnswer<Quote>): MinimumQuote {
  if (answer.kind === 'ok') return { kind: 'quoted', quote: answer.value }
  if (answer.kind === 'problem' && answer.problem.code === 'price_unavailable') {
    return { kind: 'no_price', detail: answer.problem.detail }
  }
  return { kind: 'unknown' }
}

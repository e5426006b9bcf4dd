import { computed, effect, type ReadonlySignal, signal } from '@preact/signals'
import type { Balance, Deposit, LedgerEntry, Page, Session } from '../api/apiTypes.ts'
import { type EventStream, openEventStream, type StreamEvent, type StreamState } from '../api/eventStream.ts'
import { reachable } from '../api/reachable.ts'
import { pagedList } from './pagedList.ts'
import { callAsWallet, forgetSignIn, signedIn } from './signedIn.ts'

/** How often the page polls while the event stream is lost. */
const POLL_MS = 5_000

/** A balance and when this page received it (`Date.now()`): the page works out what has been used since. */
export interface KnownBalance extends Balance {
  receivedAtMs: number
}

const askList =
  <Item>(path: `/${string}`) =>
  (cursor: string | null) =>
    callAsWallet<Page<Item>>(path, { query: { cursor: cursor ?? undefined } })

const depositList = pagedList<Deposit>(askList('/v1/deposits'))

/** What the signed-in account holds; null until known. Each one received replaces the last. */
export const balance = signal<KnownBalance | null>(null)
/** The account's payments by id, newest first: from lists and events together. */
export const deposits: ReadonlySignal<ReadonlyMap<string, Deposit>> = depositList.items
/** The same, as a list to page through. */
export const depositPages = depositList
export const sessions = pagedList<Session>(askList('/v1/sessions'))
export const ledger = pagedList<LedgerEntry>(askList('/v1/ledger'))

/** Sessions that are using credit now. */
export const liveSessions = computed(() =>
  [...sessions.items.value.values()].filter(({ state }) => state !== 'ended'),
)

/** The state of the event stream. */
export const streamState = signal<StreamState>('connecting')

/** When anything about the account was last received, `Date.now()`; null if not yet. */
export const lastHeardAtMs = signal<number | null>(null)

/** Loads everything shown of the account again. What cannot be loaded stays as it was. */
export async function refresh(): Promise<void> {
  await Promise.all([refreshBalance(), depositList.refresh(), sessions.refresh(), refreshLedger()])
}

/** The ledger is long, so it is refreshed only once somebody has looked at it. */
async function refreshLedger(): Promise<void> {
  if (ledger.state.value !== 'empty') await ledger.refresh()
}

async function refreshBalance(): Promise<void> {
  const who = signedIn.value
  const answer = await callAsWallet<Balance>('/v1/balance')
  if (answer.kind === 'ok' && signedIn.value?.token === who?.token) takeBalance(answer.value)
}

function takeBalance(value: Balance): void {
  const now = Date.now()
  balance.value = { ...value, receivedAtMs: now }
  lastHeardAtMs.value = now
}

/** Applies an event of the stream. Unknown events come from a newer service. */
function takeEvent({ name, data }: StreamEvent): void {
  lastHeardAtMs.value = Date.now()
  switch (name) {
    case 'balance':
      takeBalance(data as Balance)
      break
    case 'deposit':
      depositList.upsert(data as Deposit)
      void refreshLedger()
      break
    case 'session':
      takeSession(
        data as Pick<Session, 'id' | 'state' | 'endReason' | 'totalBilledMicros' | 'totalBilledMinutes'>,
      )
      void refreshLedger()
      break
    case 'reset':
      void refresh()
      break
  }
}

function takeSession(
  beat: Pick<Session, 'id' | 'state' | 'endReason' | 'totalBilledMicros' | 'totalBilledMinutes'>,
) {
  const known = sessions.items.value.get(beat.id)
  const { state, endReason, totalBilledMicros, totalBilledMinutes } = beat
  if (known !== undefined)
    sessions.upsert({ ...known, state, endReason, totalBilledMicros, totalBilledMinutes })
  // The event does not say which profile a new session has, nor when one ended.
  if (known === undefined || state === 'ended') void sessions.refresh()
}

/**
 * Keeps the account up to date for whoever is signed in: by the event stream and, while that is lost, by polling. Forgets
 * everything about an account that signs out. Returns a function that stops it.
 */
export function followAccount(): () => void {
  let stream: EventStream | null = null
  let followed: string | null = null
  const stopFollowing = effect(() => {
    const who = signedIn.value
    if (who?.token === followed) return
    stream?.close()
    stream = null
    if (who?.address !== balance.peek()?.address) forgetAccount()
    followed = who?.token ?? null
    if (who !== null) stream = follow(who.token)
  })
  const polling = setInterval(() => {
    if (signedIn.value !== null && streamState.value === 'lost' && !document.hidden) void refresh()
  }, POLL_MS)
  const wake = () => {
    if (!document.hidden) stream?.wake()
  }
  const stopWaking = effect(() => {
    if (reachable.value) stream?.wake()
  })
  addEventListener('online', wake)
  document.addEventListener('visibilitychange', wake)
  return () => {
    stopFollowing()
    stream?.close()
    stopWaking()
    clearInterval(polling)
    removeEventListener('online', wake)
    document.removeEventListener('visibilitychange', wake)
  }
}

function follow(token: string): EventStream {
  let isFirst = true
  return openEventStream({
    url: '/v1/events',
    token,
    onEvent: takeEvent,
    onState(state) {
      streamState.value = state
      // Lists are read once the stream is open, so nothing falls between the two.
      if (state === 'open' && isFirst) {
        isFirst = false
        void refresh()
      } else if (state === 'lost') void refresh()
      else if (state === 'refused' && signedIn.value?.token === token) forgetSignIn({ expired: true })
    },
  })
}

function forgetAccount(): void {
  balance.value = null
  lastHeardAtMs.value = null
  streamState.value = 'connecting'
  depositList.clear()
  sessions.clear()
  ledger.clear()
}

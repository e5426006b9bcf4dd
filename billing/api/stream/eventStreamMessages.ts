import { z } from '@hono/zod-openapi'
import type { Address } from 'viem'
import type { DepositView } from '../../deposits/depositViews.ts'
import { type DepositState, depositReasons } from '../../deposits/schema.ts'
import type { AccountEvent } from '../../events/openEventFeed.ts'
import type { EventKind } from '../../events/schema.ts'
import type { AccountView } from '../../metering/readAccount.ts'
import { sessionEndReasons, sessionStates } from '../../metering/schema.ts'
import type { AppDeps } from '../appDeps.ts'
import { balanceJson, volumeJson } from '../json/accountJson.ts'
import { depositJson } from '../json/depositJson.ts'
import { heartbeatJson } from '../json/sessionJson.ts'

/** One message of an event stream: its name, its JSON, and the position from which a client resumes after it. */
export interface StreamMessage {
  /** null: the message does not change where its reader resumes. */
  id: bigint | null
  event: 'deposit' | 'session' | 'volume' | 'balance' | 'reset'
  data: unknown
}

type Sources = Pick<AppDeps, 'events' | 'metering' | 'volumes'>

const named = z.object({ id: z.string() })
const paid = z.object({
  id: z.string(),
  reason: z.enum(depositReasons).optional(),
  creditMicros: z.string().optional(),
})
const metered = z.object({
  id: z.string(),
  profile: z.string(),
  gpus: z.int(),
  state: z.enum(sessionStates),
  endReason: z.enum(sessionEndReasons).nullable(),
  startedAt: z.string(),
  totalBilledMicros: z.string(),
})

/**
 * Makes the messages for events of a wallet's account, in order: what happened, then the balance. What happened is told as it
 * was: a deposit that is credited by now is still `pending` in the message about its first sighting. Everything else,
 * confirmations and balances, is current.
 */
export async function eventStreamMessages(
  { events, metering, volumes }: Sources,
  address: Address,
  page: AccountEvent[],
): Promise<StreamMessage[]> {
  if (page.length === 0) return []
  const account = await metering.readAccount(address)
  const paying = page.filter(({ kind }) => topicOf(kind) === 'deposit')
  const ids = new Set(paying.map(({ payload }) => named.parse(payload).id))
  const read = ids.size === 0 ? [] : await events.readDeposits([...ids])
  const deposits = new Map(read.map((deposit) => [deposit.id, deposit]))
  const messages: StreamMessage[] = []
  for (const { seq, kind, payload } of page) {
    const balance = { id: seq, event: 'balance' as const, data: balanceJson(account) }
    const topic = topicOf(kind)
    switch (topic) {
      case 'deposit': {
        const deposit = deposits.get(named.parse(payload).id)
        if (deposit === undefined) throw new Error(`event ${seq} tells of a deposit that is not recorded`)
        const data = depositJson(asTold(deposit, kind, payload))
        messages.push({ id: seq, event: topic, data }, balance)
        break
      }
      case 'session':
        messages.push({ id: seq, event: topic, data: sessionMessage(account, payload) }, balance)
        break
      case 'volume': {
        const volume = await volumes.read(named.parse(payload).id)
        if (volume === null) throw new Error(`event ${seq} tells of a volume that was never reported`)
        // Deleted since, and its id used again by another wallet, whose data must not be shown.
        if (volume.account === address) messages.push({ id: seq, event: topic, data: volumeJson(volume) })
        break
      }
      case 'balance':
        messages.push(balance)
        break
    }
  }
  return messages
}

function topicOf(kind: EventKind) {
  return kind.slice(0, kind.indexOf('.')) as EventKind extends `${infer Topic}.${string}` ? Topic : never
}

const stateTold: Partial<Record<EventKind, DepositState>> = {
  'deposit.pending': 'pending',
  'deposit.held': 'held',
  'deposit.credited': 'credited',
  'deposit.reversed': 'reversed',
  'deposit.orphaned': 'orphaned',
}

/** Shows a deposit in the state of the event, even if it has changed since. */
function asTold(deposit: DepositView, kind: EventKind, payload: unknown): DepositView {
  const state = stateTold[kind]
  if (state === undefined || state === deposit.state) return deposit
  const { reason, creditMicros } = paid.parse(payload)
  return {
    ...deposit,
    state,
    reason: reason ?? null,
    retryAt: null,
    creditedAt: state === 'credited' ? deposit.creditedAt : null,
    creditMicros: creditMicros === undefined ? null : BigInt(creditMicros),
  }
}

/** Like the answer to a heartbeat that billed nothing, in the state of the event. */
function sessionMessage(account: AccountView, payload: unknown) {
  const { id, profile, gpus, state, endReason, startedAt, totalBilledMicros } = metered.parse(payload)
  const body = heartbeatJson({
    id,
    account: account.address,
    profile,
    gpus,
    state,
    endReason,
    startedAt: new Date(startedAt),
    endedAt: null,
    totalBilledMicros: BigInt(totalBilledMicros),
    billedMicros: 0n,
    balanceMicros: account.balanceMicros,
    isLow: account.low,
    graceLeftMicros: null,
  })
  return { ...body, graceRemainingSeconds: state === 'grace' ? account.graceRemainingSeconds : null }
}

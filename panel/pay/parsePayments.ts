import { depositStates, type Payment, type PaymentEnding, type SeenDeposit } from './payment.ts'
import type { Sighting } from './timeLeft.ts'

const hash = /^0x[0-9a-f]{64}$/
const address = /^0x[0-9a-f]{40}$/
const rail = /^[a-z0-9]{1,16}:[0-9]{1,16}$/
const baseUnits = /^(0|[1-9][0-9]{0,77})$/
const origins = ['sent', 'submitted', 'found'] as const
const MAX_PAYMENTS = 200
const MAX_DEPOSITS = 100

type Fields = Record<string, unknown>

/**
 * Reads remembered payments from storage. Storage cannot be trusted: anyone with the page open can write to it, and older
 * versions of the page did. Whatever is malformed is left out; nothing here ever throws.
 */
export function parsePayments(text: string | null): Payment[] {
  if (text === null) return []
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    return []
  }
  if (!Array.isArray(list)) return []
  return list.slice(0, MAX_PAYMENTS).flatMap((item) => parsePayment(item) ?? [])
}

function parsePayment(value: unknown): Payment | null {
  const item = fieldsOf(value)
  if (item === null || !matches(item.txHash, hash)) return null
  const origin = origins.find((known) => known === item.origin)
  const sent = item.sent === null ? null : parseSent(item.sent)
  if (origin === undefined || sent === undefined || !isInstant(item.sentAtMs)) return null
  return {
    txHash: item.txHash,
    origin,
    sent,
    replacedHash: matches(item.replacedHash, hash) ? item.replacedHash : null,
    sentAtMs: item.sentAtMs,
    unknownSinceMs: isInstant(item.unknownSinceMs) ? item.unknownSinceMs : null,
    deposits: listOf(item.deposits, MAX_DEPOSITS, parseSeenDeposit),
    sightings: listOf(item.sightings, MAX_DEPOSITS, parseSighting),
    ending: parseEnding(item.ending),
    settledAtMs: isInstant(item.settledAtMs) ? item.settledAtMs : null,
    isDismissed: item.isDismissed === true,
  }
}

function parseSent(value: unknown): Payment['sent'] | undefined {
  const item = fieldsOf(value)
  if (item === null || !matches(item.rail, rail) || !matches(item.payer, address)) return undefined
  if (!isCount(item.chainId) || !matches(item.amountBaseUnits, baseUnits)) return undefined
  return {
    rail: item.rail,
    chainId: item.chainId,
    payer: item.payer,
    amountBaseUnits: item.amountBaseUnits,
    nonce: isCount(item.nonce) ? item.nonce : null,
  }
}

/** Reads what is remembered of a deposit; null if it is malformed. */
function parseSeenDeposit(value: unknown): SeenDeposit | null {
  const item = fieldsOf(value)
  if (item === null || typeof item.id !== 'string') return null
  const state = depositStates.find((known) => known === item.state)
  if (state === undefined || !matches(item.txHash, hash) || !matches(item.payer, address)) return null
  if (!matches(item.rail, rail) || !matches(item.amountBaseUnits, baseUnits)) return null
  if (!isCount(item.chainId) || !isCount(item.confirmations) || !isCount(item.confirmationsRequired)) {
    return null
  }
  return {
    id: item.id,
    txHash: item.txHash,
    chainId: item.chainId,
    rail: item.rail,
    payer: item.payer,
    amountBaseUnits: item.amountBaseUnits,
    state,
    reason: typeof item.reason === 'string' ? item.reason : null,
    retryAt: typeof item.retryAt === 'string' ? item.retryAt : null,
    confirmations: item.confirmations,
    confirmationsRequired: item.confirmationsRequired,
    creditMinutes:
      typeof item.creditMinutes === 'string' && /^-?[0-9]+(\.[0-9]{1,6})?$/.test(item.creditMinutes)
        ? item.creditMinutes
        : null,
  }
}

function parseSighting(value: unknown): Sighting | null {
  const item = fieldsOf(value)
  if (item === null || !isCount(item.confirmations) || !isInstant(item.atMs)) return null
  return { confirmations: item.confirmations, atMs: item.atMs }
}

function parseEnding(value: unknown): PaymentEnding | null {
  const item = fieldsOf(value)
  switch (item?.kind) {
    case 'cancelled':
      return matches(item.byHash, hash) ? { kind: 'cancelled', byHash: item.byHash } : null
    case 'replaced':
      return { kind: 'replaced', byHash: matches(item.byHash, hash) ? item.byHash : null }
    case 'transaction_failed':
    case 'no_qualifying_transfer':
      return { kind: item.kind }
    default:
      return null
  }
}

function listOf<Item>(value: unknown, limit: number, parse: (item: unknown) => Item | null): Item[] {
  return Array.isArray(value) ? value.slice(0, limit).flatMap((item) => parse(item) ?? []) : []
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Up to the year 5138, which `Date` can still represent. */
function isInstant(value: unknown): value is number {
  return isCount(value) && value < 1e14
}

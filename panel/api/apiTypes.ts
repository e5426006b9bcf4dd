import type { Address, Hash } from 'viem'
import type { ProblemCode } from '../../billing/api/problems.ts'

// What the service answers, as the page reads it. A test compares each with the service's own schema, so neither drifts.
// Bigints are decimal strings; `…Micros` are microseconds of single-GPU time, `…Minutes` the same in minutes, floored to
// six decimals.

export type Asset = 'eth' | 'usdc' | 'axgt'

/** GET /v1/config. */
export interface Config {
  revenueWallet: string
  chains: { chainId: number; confirmations: number }[]
  rails: RailConfig[]
  tiers: Tier[]
  /** GPUs of each profile. */
  profiles: Record<string, number>
  pricing: { usdPerHour: string; axgtBonusPercent: string }
  sessions: {
    heartbeatIntervalSeconds: number
    heartbeatTimeoutSeconds: number
    graceMinutes: number
    gracePercent: number
    lowBalanceMinutes: number
  }
  storage: { minutesPerGibHour: string; debtLimitMinutes: number }
}

/** One enabled way to pay. */
export interface RailConfig {
  rail: string
  asset: Asset
  chainId: number
  /** null for ETH. */
  token: string | null
  decimals: number
  symbol: string
  /** Without any discount. */
  minimumBaseUnits: string
  pricing: 'fixed' | 'chainlink' | 'twap'
}

export interface Tier {
  index: number
  label: string
  /** Whole AXGT. */
  minimumAxgt: string
  discountPercent: string
}

/** GET /v1/quotes. */
export interface Quote {
  rail: string
  amountBaseUnits: string
  /** The wallet's own. */
  minimumBaseUnits: string
  creditMicros: string
  creditMinutes: string
  tier: { index: number; label: string; discountPercent: string }
  /** Base units; null where it was not needed. */
  axgtBalance: string | null
  bonusPercent: string
  /** USD for a whole unit. */
  price: string
  priceSource: { kind: 'fixed' | 'chainlink' | 'twap'; description: string; ageSeconds: number | null }
  /** Micros per base unit, exact: the credit is the amount times this rate, floored. */
  rate: { numerator: string; denominator: string }
  asOfBlock: { number: string; hash: string }
}

/** GET /v1/balance, and the data of `balance` events. */
export interface Balance {
  address: string
  /** May be negative. */
  balanceMicros: string
  balanceMinutes: string
  /** What all running sessions burn together. */
  burnMicrosPerMinute: string
  /** null while nothing burns. */
  runsOutAt: string | null
  low: boolean
  /** At the GPUs that run now; null while no session is in grace. */
  graceRemainingSeconds: number | null
}

export type DepositState = 'pending' | 'held' | 'credited' | 'orphaned' | 'reversed' | 'rejected'

/** Why a deposit is held. */
export type DepositReason =
  | 'below_minimum'
  | 'price_unavailable'
  | 'state_unavailable'
  | 'rpc_disagreement'
  | 'amount_too_large'
  | 'amount_unclear'
  | 'daily_cap_reached'
  | 'rail_disabled'
  | 'setup_changed'
  | 'evidence_unavailable'
  | 'payment_not_seen'

/** An item of GET /v1/deposits and /v1/transactions/{hash}, and the data of `deposit` events. */
export interface Deposit {
  id: string
  txHash: string
  chainId: number
  rail: string
  /** Whose account is credited. */
  payer: string
  amountBaseUnits: string
  state: DepositState
  reason: DepositReason | null
  /** When a held deposit is checked next. */
  retryAt: string | null
  confirmations: number
  confirmationsRequired: number
  creditMicros: string | null
  creditMinutes: string | null
  blockNumber: string | null
  /** The time of its block; null while it is not recorded. */
  blockTime: string | null
  creditedAt: string | null
}

/** GET /v1/transactions/{hash} and POST /v1/deposits. */
export interface Transaction {
  txHash: string
  outcome: 'pending' | 'settled' | 'no_qualifying_transfer' | 'transaction_failed'
  deposits: Deposit[]
}

export type SessionState = 'running' | 'grace' | 'ended'
export type SessionEndReason = 'released' | 'heartbeat_timeout' | 'grace_exhausted' | 'ended_by_operator'

/** An item of GET /v1/sessions. */
export interface Session {
  id: string
  wallet: string
  profile: string
  gpus: number
  state: SessionState
  endReason: SessionEndReason | null
  startedAt: string
  endedAt: string | null
  /** Up to its last heartbeat. */
  totalBilledMicros: string
  totalBilledMinutes: string
}

export type EntryKind = 'deposit' | 'deposit_reversal' | 'adjustment' | 'usage' | 'storage'

/** An item of GET /v1/ledger. */
export interface LedgerEntry {
  id: string
  kind: EntryKind
  /** Signed. */
  micros: string
  minutes: string
  reference: string
  reversesEntryId: string | null
  details: Record<string, unknown>
  eventAt: string
  createdAt: string
}

/** Every list: newest first. */
export interface Page<Item> {
  items: Item[]
  /** null when nothing follows. */
  nextCursor: string | null
}

/** POST /v1/auth/challenge. */
export interface Challenge {
  /** EIP-4361, to be signed as it is. */
  message: string
  expiresAt: string
}

/** POST /v1/auth/verify. */
export interface SignedIn {
  token: string
  expiresAt: string
  /** Lower-case. */
  address: Address
}

/** Every error (RFC 9457). `code` is one of the service's; a newer service may have others. */
export interface Problem {
  type: string
  title: string
  status: number
  code: ProblemCode
  detail: string
  faults?: { in: string; path: string; message: string }[]
}

export type { Address, Hash, ProblemCode }

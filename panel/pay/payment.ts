import type { Sighting } from './timeLeft.ts'

/** Every state a deposit can be in, as the service names them. */
export const depositStates = ['pending', 'held', 'credited', 'orphaned', 'reversed', 'rejected'] as const
export type DepositState = (typeof depositStates)[number]

/** What the page shows of a deposit: the fields of the service's `Deposit` that a payment is followed by. */
export interface SeenDeposit {
  id: string
  txHash: string
  chainId: number
  rail: string
  payer: string
  amountBaseUnits: string
  state: DepositState
  reason: string | null
  retryAt: string | null
  confirmations: number
  confirmationsRequired: number
  creditMinutes: string | null
}

/** What was sent from this page. */
export interface SentPayment {
  rail: string
  chainId: number
  payer: string
  amountBaseUnits: string
  /** The transaction's nonce, by which a replacement is found; null until the wallet has told it. */
  nonce: number | null
}

/** What ended a payment that never became a deposit. */
export type PaymentEnding =
  | { kind: 'cancelled'; byHash: string }
  | { kind: 'replaced'; byHash: string | null }
  | { kind: 'transaction_failed' }
  | { kind: 'no_qualifying_transfer' }

/** A transaction that somebody is waiting for, as the page remembers it across reloads. */
export interface Payment {
  /** After a speed-up in the wallet, the hash of the transaction that took its place. */
  txHash: string
  /** `sent` from here, `submitted` as a hash, or `found` in what the service says (another device, another wallet). */
  origin: 'sent' | 'submitted' | 'found'
  /** What was sent; null for a submitted hash, of which only the service knows what it pays. */
  sent: SentPayment | null
  /** The original hash, if a speed-up replaced it. */
  replacedHash: string | null
  sentAtMs: number
  /** When the service began not to know of it; null while it does. */
  unknownSinceMs: number | null
  /** Its deposits as last seen. */
  deposits: SeenDeposit[]
  /** The confirmations as seen rising, from which the time left is estimated on chains of unknown pace. */
  sightings: Sighting[]
  ending: PaymentEnding | null
  /** When there was nothing left to wait for; null while there is. */
  settledAtMs: number | null
  isDismissed: boolean
}

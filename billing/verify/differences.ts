/** One thing in the books that is not as it must be. */
export interface Difference {
  /** Which rule is broken: stable, in kebab case, for example `balance-is-not-the-sum`. */
  rule: string
  /** What it is broken for: an account, an entry, a deposit, a trigger. */
  subject: string
  /** One sentence for the operator that says what was expected and what was found. */
  detail: string
}

/**
 * What a verification yields: each difference as it is found, and every so often how many things it has looked at so far,
 * `of` how many where that is known. The last count of a thing is all of it.
 */
export type VerificationStep =
  | { kind: 'difference'; difference: Difference }
  | { kind: 'checked'; what: string; count: bigint; of?: bigint }

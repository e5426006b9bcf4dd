import type { Transaction } from '../database/connect.ts'

/**
 * Gives accounts their whole grace allowance again: what a deposit of at least the minimum does, and nothing else.
 * Idempotent. Takes the meters in sorted order, after the accounts, as everything does that takes both.
 */
export async function refillGrace(tx: Transaction, accounts: string[]): Promise<void> {
  if (accounts.length === 0) return
  await tx`
    with locked as (
      select account from credits.meter
      where account = any(${accounts}::text[]) and grace_used_micros > 0 order by account for update
    )
    update credits.meter m set grace_used_micros = 0 from locked where m.account = locked.account`
}

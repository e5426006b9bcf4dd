import type { Transaction } from '../database/connect.ts'

/**
 * Gives accounts their whole grace allowance again and ends the grace of their sessions: what a deposit of at least the
 * minimum does, and nothing else. What ran in grace up to this moment is never billed; the next heartbeat bills from here.
 *
 * Idempotent. Takes the meters in sorted order, after the accounts, as everything does that takes both. The sessions are
 * looked at by a statement of their own: one that began before the locks were there would not see what others did meanwhile.
 */
export async function refillGrace(tx: Transaction, accounts: string[]): Promise<void> {
  if (accounts.length === 0) return
  await tx`
    with locked as (
      select account from credits.meter where account = any(${accounts}::text[]) order by account for update
    )
    update credits.meter m set grace_used_micros = 0 from locked
    where m.account = locked.account and m.grace_used_micros > 0`
  await tx`
    update credits.session set billed_through = greatest(billed_through, credits.metering_now())
    where account = any(${accounts}::text[]) and state = 'grace'`
}

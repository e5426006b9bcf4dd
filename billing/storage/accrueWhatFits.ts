import type { Transaction } from '../database/connect.ts'
import { isOutOfRange } from '../database/isOutOfRange.ts'
import { accrueAccounts } from './accrueAccounts.ts'
import type { StorageRate } from './storageRate.ts'

/**
 * Bills the stored volumes of one account, or nothing where its debt would be more than a number holds: by sizes that
 * nobody can have stored. Those can still be corrected and deleted. Locks the account's meter until the transaction ends,
 * either way.
 */
export async function accrueWhatFits(tx: Transaction, rate: StorageRate, account: string): Promise<bigint> {
  // What is undone takes its locks with it, so this one is taken before.
  await tx`select 1 from credits.meter where account = ${account} for update`
  try {
    return await tx.savepoint((attempt) => accrueAccounts(attempt, rate, [account]))
  } catch (error) {
    if (!isOutOfRange(error)) throw error
    return 0n
  }
}

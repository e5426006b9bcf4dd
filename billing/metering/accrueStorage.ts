import type { Sql } from '../database/connect.ts'
import { isOutOfRange } from '../database/isOutOfRange.ts'
import { accrueAccounts } from '../storage/accrueAccounts.ts'
import { accrueWhatFits } from '../storage/accrueWhatFits.ts'
import type { StorageRate } from '../storage/storageRate.ts'

const ACCOUNTS_AT_ONCE = 500

/**
 * Bills all stored volumes up to now, for the time in which their owner had no live session. Each moment is billed once,
 * whoever runs this, at once or twice: a volume keeps up to which idle time of its owner it is billed, and moves it in the
 * statement that bills. May drive a balance negative; says so at 50, 80 and 100 percent of the debt limit.
 */
export async function accrueStorage(sql: Sql, rate: StorageRate): Promise<bigint> {
  let billed = 0n
  for (let after = ''; ; ) {
    const accounts = await sql<{ account: string }[]>`
      select distinct account from credits.volume where deleted_at is null and account > ${after}
      order by account limit ${ACCOUNTS_AT_ONCE}`
    const last = accounts.at(-1)
    if (last === undefined) return billed
    const names = accounts.map(({ account }) => account)
    billed += await accrueAccounts(sql, rate, names).catch((error: unknown) => {
      if (!isOutOfRange(error)) throw error
      return accrueOneByOne(sql, rate, names)
    })
    after = last.account
  }
}

/** One account whose volumes cost more than a number can hold must not keep the others from being billed. */
async function accrueOneByOne(sql: Sql, rate: StorageRate, accounts: string[]): Promise<bigint> {
  let billed = 0n
  for (const account of accounts) billed += await sql.begin((tx) => accrueWhatFits(tx, rate, account))
  return billed
}

import type { Sql, Transaction } from '../database/connect.ts'
import type { StorageRate } from './storageRate.ts'

/** After a downtime of ours no more than this is charged afterwards. */
const CATCH_UP_MICROS = 7n * 24n * 3_600n * 1_000_000n
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

/** numeric_value_out_of_range: sizes that nobody can have stored. */
function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22003'
}

/** One account whose volumes cost more than a number can hold must not keep the others from being billed. */
async function accrueOneByOne(sql: Sql, rate: StorageRate, accounts: string[]): Promise<bigint> {
  let billed = 0n
  for (const account of accounts) {
    billed += await accrueAccounts(sql, rate, [account]).catch((error: unknown) => {
      if (!isOutOfRange(error)) throw error
      return 0n
    })
  }
  return billed
}

/** The same for some accounts only. Locks their meters until the transaction ends. */
export async function accrueAccounts(
  sql: Sql | Transaction,
  { microsPerGibHour, debtLimitMicros }: StorageRate,
  accounts: string[],
): Promise<bigint> {
  const [row] = await sql<{ billed: bigint }[]>`
    select credits.accrue_storage(${accounts}::text[], ${microsPerGibHour.numerator.toString()}::numeric,
      ${microsPerGibHour.denominator.toString()}::numeric, ${CATCH_UP_MICROS}, ${debtLimitMicros}) as billed`
  return row?.billed ?? 0n
}

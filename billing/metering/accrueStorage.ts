import type { Config, Fraction } from '../config/config.ts'
import { isOutOfRange, type Sql, type Transaction } from '../database/connect.ts'

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

/** After a downtime of ours no more than this is charged afterwards. */
const CATCH_UP_MICROS = 7n * 24n * 3_600n * 1_000_000n

/**
 * Bills the stored volumes of some accounts up to now, all or, on an error, none; one is a debt that no number holds
 * (`isOutOfRange`). Locks their meters until the transaction ends.
 */
async function accrueAccounts(
  sql: Sql | Transaction,
  { microsPerGibHour, debtLimitMicros }: StorageRate,
  accounts: string[],
): Promise<bigint> {
  const [row] = await sql<{ billed: bigint }[]>`
    select credits.accrue_storage(${accounts}::text[], ${microsPerGibHour.numerator.toString()}::numeric,
      ${microsPerGibHour.denominator.toString()}::numeric, ${CATCH_UP_MICROS}, ${debtLimitMicros}) as billed`
  return row?.billed ?? 0n
}

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

/** What stored volumes cost, in the units of the meter. */
export interface StorageRate {
  /** Micros for a GiB and an hour, exact. */
  microsPerGibHour: Fraction
  /** The debt at which volumes are due to be pruned. */
  debtLimitMicros: bigint
}

const MICROS_PER_MINUTE = 60_000_000n

/** The rate that the settings name. */
export function storageRate({ storage }: Pick<Config, 'storage'>): StorageRate {
  const { numerator, denominator } = storage.minutesPerGibHour
  return {
    microsPerGibHour: { numerator: numerator * MICROS_PER_MINUTE, denominator },
    debtLimitMicros: BigInt(storage.debtLimitMinutes) * MICROS_PER_MINUTE,
  }
}

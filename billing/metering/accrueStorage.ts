import type { Config, Fraction } from '../config/config.ts'
import { isOutOfRange, type Sql, type Transaction } from '../database/connect.ts'

/** Accounts billed by one statement. */
const MAX_ACCOUNTS_PER_STATEMENT = 500

/**
 * Bills all stored volumes up to now, for the time in which their owner had no live session. Returns the micros billed.
 *
 * Each moment is billed once, however many processes run this and however often: a volume records the idle time of its owner
 * up to which it is billed, and the statement that bills it moves that on. May drive a balance negative; events say so at
 * 50, 80 and 100 percent of the debt limit.
 */
export async function accrueStorage(sql: Sql, rate: StorageRate): Promise<bigint> {
  let billed = 0n
  for (let after = ''; ; ) {
    const accounts = await sql<{ account: string }[]>`
      select distinct account from credits.volume where deleted_at is null and account > ${after}
      order by account limit ${MAX_ACCOUNTS_PER_STATEMENT}`
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

/** One account whose volumes cost more than a bigint can hold must not keep the others from being billed. */
async function accrueOneByOne(sql: Sql, rate: StorageRate, accounts: string[]): Promise<bigint> {
  let billed = 0n
  for (const account of accounts) billed += await sql.begin((tx) => accrueWhatFits(tx, rate, account))
  return billed
}

/** The idle time that one bill covers at most, a week: a longer downtime of ours is not charged in full. */
const MAX_CATCH_UP_MICROS = 7n * 24n * 3_600n * 1_000_000n

/**
 * Bills the stored volumes of some accounts up to now: all of them or, on an error, none. A debt that no bigint holds is
 * such an error (`isOutOfRange`). Locks their meters until the transaction ends.
 */
async function accrueAccounts(
  sql: Sql | Transaction,
  { microsPerGibHour, debtLimitMicros }: StorageRate,
  accounts: string[],
): Promise<bigint> {
  const [row] = await sql<{ billed: bigint }[]>`
    select credits.accrue_storage(${accounts}::text[], ${microsPerGibHour.numerator.toString()}::numeric,
      ${microsPerGibHour.denominator.toString()}::numeric, ${MAX_CATCH_UP_MICROS}, ${debtLimitMicros}) as billed`
  return row?.billed ?? 0n
}

/**
 * Bills the stored volumes of one account up to now, or nothing if its debt would be more than a bigint holds: only
 * reported sizes that nobody can have stored lead there, and these can still be corrected and deleted. Locks the account's
 * meter until the transaction ends, either way.
 */
export async function accrueWhatFits(tx: Transaction, rate: StorageRate, account: string): Promise<bigint> {
  // Rolling back to a savepoint releases the locks taken since, so this one is taken before it.
  await tx`select 1 from credits.meter where account = ${account} for update`
  try {
    return await tx.savepoint((attempt) => accrueAccounts(attempt, rate, [account]))
  } catch (error) {
    if (!isOutOfRange(error)) throw error
    return 0n
  }
}

/** What stored volumes cost, in micros. */
export interface StorageRate {
  /** Micros per GiB and hour, exact. */
  microsPerGibHour: Fraction
  /** The debt at which volumes are due to be pruned. */
  debtLimitMicros: bigint
}

const MICROS_PER_MINUTE = 60_000_000n

/** Takes the storage rate from the settings. */
export function storageRate({ storage }: Pick<Config, 'storage'>): StorageRate {
  const { numerator, denominator } = storage.minutesPerGibHour
  return {
    microsPerGibHour: { numerator: numerator * MICROS_PER_MINUTE, denominator },
    debtLimitMicros: BigInt(storage.debtLimitMinutes) * MICROS_PER_MINUTE,
  }
}

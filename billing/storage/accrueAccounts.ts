import type { Sql, Transaction } from '../database/connect.ts'
import type { StorageRate } from './storageRate.ts'

/** After a downtime of ours no more than this is charged afterwards. */
const CATCH_UP_MICROS = 7n * 24n * 3_600n * 1_000_000n

/**
 * Bills the stored volumes of some accounts up to now, all or, on an error, none; one is a debt that no number holds
 * (`isOutOfRange`). Locks their meters until the transaction ends.
 */
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

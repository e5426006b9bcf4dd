import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'

/** Reads what an account holds, in micros; negative after a reversal of spent credit. An address never seen has 0. */
export async function readBalance(sql: Sql, address: Address): Promise<bigint> {
  const [row] = await sql<{ balanceMicros: bigint }[]>`
    select balance_micros as "balanceMicros" from credits.account where address = ${address}`
  return row?.balanceMicros ?? 0n
}

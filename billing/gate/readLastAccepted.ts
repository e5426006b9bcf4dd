import type { Rail } from '../config/config.ts'
import { parseDecimal } from '../config/parseDecimal.ts'
import type { Sql } from '../database/connect.ts'
import type { AcceptedPrice } from '../pricing/axgtUsd.ts'
import type { PriceBlock } from '../pricing/oracleReading.ts'

/**
 * How long an accepted price says something about the next one. After a day without one, the slower TWAP has followed the
 * market by itself, and an older price would only keep a market that really moved out for ever.
 */
const ACCEPTED_FOR_SECONDS = 24 * 3_600

/**
 * Reads the last market price of a rail that was accepted before a block, by the block's own number and time: whoever asks
 * later gets the same answer, but for prices that were noted late.
 */
export async function readLastAccepted(
  sql: Sql,
  rail: Rail,
  block: PriceBlock,
): Promise<AcceptedPrice | null> {
  const since = new Date((Number(block.timestamp) - ACCEPTED_FOR_SECONDS) * 1000)
  const [row] = await sql<{ usdPerUnit: string; blockNumber: bigint }[]>`
    select usd_per_unit as "usdPerUnit", block_number as "blockNumber" from credits.price
    where rail = ${rail} and source <> 'fixed' and block_timestamp >= ${since}
      and block_number < ${block.number.toString()}
    order by block_number desc, id desc limit 1`
  if (row === undefined) return null
  const usdPerUnit = parseDecimal(row.usdPerUnit)
  if (usdPerUnit === null) throw new Error(`a noted price of ${rail} is no decimal`)
  return { usdPerUnit, blockNumber: row.blockNumber }
}

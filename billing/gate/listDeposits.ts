import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import { type ConfirmationsRequired, queryDepositViews } from '../deposits/depositViews.ts'
import type { DepositReason, DepositState } from './schema.ts'
import type { DepositView } from './transactionView.ts'

/** null means any. */
export interface DepositFilter {
  state: DepositState | null
  reason: DepositReason | null
}

const GREATEST_BLOCK = 2n ** 63n - 1n

/**
 * Lists recorded deposits, newest block first: of one payer, or of everybody (`payer` null), in one state or for one
 * reason where the filter names it. The keyset is the block number and the id, `<blockNumber>:<id>`.
 */
export async function listDeposits(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  { payer, state, reason }: DepositFilter & { payer: Address | null },
  { cursor, limit }: PageRequest,
): Promise<Page<DepositView>> {
  const after = cursor === null ? null : parseCursor(cursor)
  if (after === 'bad_cursor') return { kind: 'bad_cursor' }
  const rows = await queryDepositViews(
    sql,
    confirmationsRequired,
    // Ascending ids within a block: the order of the index by payer, so that a page is read straight off it.
    sql`
      where true
        ${payer === null ? sql`` : sql`and d.payer = ${payer}`}
        ${state === null ? sql`` : sql`and d.state = ${state}`}
        ${reason === null ? sql`` : sql`and d.reason = ${reason}`}
        ${
          after === null
            ? sql``
            : sql`and d.block_number <= ${after.blockNumber}
                and (d.block_number < ${after.blockNumber} or d.id > ${after.id})`
        }
      order by d.block_number desc nulls last, d.id
      limit ${limit + 1}`,
  )
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const more = rows.length > limit && last !== undefined
  return { kind: 'page', items, nextKey: more ? `${last.blockNumber}:${last.id}` : null }
}

function parseCursor(cursor: string): { blockNumber: bigint; id: string } | 'bad_cursor' {
  const match = /^(\d{1,19}):(\d{1,16}-0x[0-9a-f]{64}-[a-z]{1,10}-0x[0-9a-f]{40})$/.exec(cursor)
  if (match?.[1] === undefined || match[2] === undefined) return 'bad_cursor'
  const blockNumber = BigInt(match[1])
  return blockNumber > GREATEST_BLOCK ? 'bad_cursor' : { blockNumber, id: match[2] }
}

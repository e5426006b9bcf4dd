import type { Sql } from '../../billing/database/connect.ts'
import type { Difference } from '../../billing/verify/differences.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'

/** What `verify` finds wrong, but for the clock: where a test has taken it (`createMeterClock`), verify says so. */
export async function readDifferences(sql: Sql): Promise<Difference[]> {
  const found: Difference[] = []
  await verifyBooks(sql, (step) => {
    if (step.kind === 'difference') found.push(step.difference)
  })
  return found.filter(({ subject }) => subject !== 'function credits.wall_clock')
}

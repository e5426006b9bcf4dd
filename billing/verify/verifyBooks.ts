import type { Sql, Transaction } from '../database/connect.ts'
import type { VerificationStep } from './differences.ts'
import { verifyDeposits } from './verifyDeposits.ts'
import { verifyEvents } from './verifyEvents.ts'
import { verifyForeignKeys, verifyGuards } from './verifyGuards.ts'
import { verify } from './verifyLedger.ts'
import { verifyUsage } from './verifyUsage.ts'

/** How a verification ended: what was looked at, by name, and how many differences were told. */
export interface VerificationResult {
  checked: Record<string, bigint>
  differences: number
}

/**
 * Proves everything that is durable, ledger, deposits, usage and events, and what guards it, as it was at one moment: in one
 * read-only, repeatable-read transaction, so that it is right beside a running service and stops nobody. `onStep` hears each
 * difference as it is found and how far the counting is; only the totals are kept.
 */
export async function verifyBooks(
  sql: Sql,
  onStep: (step: VerificationStep) => void = () => {},
): Promise<VerificationResult> {
  return sql.begin('isolation level repeatable read read only', (tx) => verifyWithin(tx, onStep))
}

type Part = (tx: Transaction) => AsyncGenerator<VerificationStep>

/** What proves the rows; the guards that keep them are proven before. */
export const rowParts: readonly Part[] = [
  verifyForeignKeys,
  verify,
  verifyDeposits,
  verifyUsage,
  verifyEvents,
]

/** The same as a transaction sees it, which may have changed something itself; or some parts of it alone. */
export async function verifyWithin(
  tx: Transaction,
  onStep: (step: VerificationStep) => void,
  parts: readonly Part[] = [guardsOf, ...rowParts],
): Promise<VerificationResult> {
  // PostgreSQL writes names in a definition by what the path leaves out; and nobody's functions may come before its own.
  await tx`set local search_path to pg_catalog`
  const result: VerificationResult = { checked: {}, differences: 0 }
  for (const part of parts) {
    for await (const step of part(tx)) {
      onStep(step)
      switch (step.kind) {
        case 'difference':
          result.differences += 1
          break
        case 'checked':
          result.checked[step.what] = step.count
          break
      }
    }
  }
  return result
}

async function* guardsOf(tx: Transaction): AsyncGenerator<VerificationStep> {
  for (const difference of await verifyGuards(tx)) yield { kind: 'difference', difference }
}

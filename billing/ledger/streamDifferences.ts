import type postgres from 'postgres'
import type { VerificationStep } from '../verify/differences.ts'

/** Rows in memory at a time, whatever the size of the ledger. */
const BATCH = 500

/** A rule as a query: its rows are the offenders, with a `subject` and a `detail` each. */
export interface Rule {
  name: string
  offenders: postgres.PendingQuery<{ subject: string; detail: string }[]>
}

/** Runs rules one after the other and yields what each finds, through a cursor. */
export async function* streamDifferences(rules: Rule[]): AsyncGenerator<VerificationStep> {
  for (const { name, offenders } of rules) {
    for await (const rows of offenders.cursor(BATCH)) {
      for (const { subject, detail } of rows) {
        yield { kind: 'difference', difference: { rule: name, subject, detail } }
      }
    }
  }
}

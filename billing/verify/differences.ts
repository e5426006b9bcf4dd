import type postgres from 'postgres'
import type { Transaction } from '../database/connect.ts'

/** One thing in the books that is wrong. */
export interface Difference {
  /** Which rule is broken: stable, in kebab case, for example `balance-is-not-the-sum`. */
  rule: string
  /** Where it is broken: an account, an entry, a deposit, a trigger. */
  subject: string
  /** One sentence for the operator that says what was expected and what was found. */
  detail: string
}

/**
 * What a verification yields: each difference as it is found, and from time to time how many things it has checked so far,
 * `of` how many where that is known. The last count of a thing is its total.
 */
export type VerificationStep =
  | { kind: 'difference'; difference: Difference }
  | { kind: 'checked'; what: string; count: bigint; of?: bigint }

/** Rows held in memory at a time, whatever the size of the ledger. */
const ROWS_PER_FETCH = 500

/** A rule as a query: its rows are the offenders, with a `subject` and a `detail` each. */
export interface Rule {
  name: string
  offenders: postgres.PendingQuery<{ subject: string; detail: string }[]>
}

/** Runs rules one after the other and yields what each finds, through a cursor. */
export async function* streamDifferences(rules: Rule[]): AsyncGenerator<VerificationStep> {
  for (const { name, offenders } of rules) {
    for await (const rows of offenders.cursor(ROWS_PER_FETCH)) {
      for (const { subject, detail } of rows) {
        yield { kind: 'difference', difference: { rule: name, subject, detail } }
      }
    }
  }
}

/** Rows of the walked table per range. */
const ROWS_PER_RANGE = 5_000

/** The condition that a column is within the range being checked. */
export type Within = (column: string) => postgres.PendingQuery<postgres.Row[]>

/** A table of the schema `credits`, and the column by which it is walked. */
export interface Walk {
  /** The name of its rows in the count. */
  what: string
  table: string
  /** Text or bigint, with an index; rows where it is null are left out. */
  key: string
}

/**
 * Verifies a table range by range of its key, so that neither this process nor PostgreSQL ever holds more than one range,
 * and an observer sees progress. The ranges leave no gaps and are open at both ends, so rows of other tables whose key this
 * table lacks are checked too, even before its first key and after its last.
 */
export async function* walkRanges(
  tx: Transaction,
  walk: Walk,
  rulesOf: (within: Within) => Rule[],
): AsyncGenerator<VerificationStep> {
  const { what } = walk
  const of = await countKeys(tx, walk)
  let count = 0n
  let after: string | null = null
  yield { kind: 'checked', what, count, of }
  for (;;) {
    const from = after
    const next = await findRange(tx, walk, from)
    const upTo = next.count < ROWS_PER_RANGE ? null : next.last
    yield* streamDifferences(rulesOf((column) => isWithin(tx, column, from, upTo)))
    count += next.count
    yield { kind: 'checked', what, count, of }
    if (upTo === null) return
    after = upTo
  }
}

async function countKeys(tx: Transaction, { table, key }: Walk): Promise<bigint> {
  const [row] = await tx<{ count: bigint }[]>`select count(${tx(key)}) as count from credits.${tx(table)}`
  return row?.count ?? 0n
}

/** The next rows by their key: how many, and the last one's. */
async function findRange(
  tx: Transaction,
  { table, key }: Walk,
  after: string | null,
): Promise<{ last: string | null; count: bigint }> {
  const column = tx(key)
  const [row] = await tx<{ last: string | null; count: bigint }[]>`
    select max(key)::text as last, count(*) as count from (
      select ${column} as key from credits.${tx(table)}
      where ${column} is not null ${after === null ? tx`` : tx`and ${column} > ${after}`}
      order by ${column} limit ${ROWS_PER_RANGE}
    ) rows`
  return row ?? { last: null, count: 0n }
}

function isWithin(tx: Transaction, column: string, after: string | null, upTo: string | null) {
  const isAfter = after === null ? tx`true` : tx`${tx(column)} > ${after}`
  return upTo === null ? isAfter : tx`${isAfter} and ${tx(column)} <= ${upTo}`
}

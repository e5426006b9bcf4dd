import type { Transaction } from '../database/connect.ts'
import { type Rule, streamDifferences, type VerificationStep } from './differences.ts'
import expectedGuards from './guards.json' with { type: 'json' }
import type { Guards } from './readGuards.ts'

/**
 * Proves every foreign key of this release anew: a row that was written while its key was off points nowhere, and
 * PostgreSQL itself never looks at it again. Changes nothing; memory is bounded.
 */
export async function* verifyForeignKeys(tx: Transaction): AsyncGenerator<VerificationStep> {
  yield* streamDifferences(foreignKeysOf(expectedGuards).map((key) => ruleOf(tx, key)))
}

interface ForeignKey {
  table: string
  columns: string[]
  toTable: string
  toColumns: string[]
}

const FOREIGN_KEY = /^FOREIGN KEY \(([^)]+)\) REFERENCES credits\.(\w+)\(([^)]+)\)/

/** The foreign keys among guards. Pure. */
export function foreignKeysOf(guards: Guards): ForeignKey[] {
  return Object.entries(guards).flatMap(([owner, definitions]) =>
    Object.values(definitions).flatMap((definition): ForeignKey[] => {
      const [, columns, toTable, toColumns] = FOREIGN_KEY.exec(definition) ?? []
      if (columns === undefined || toTable === undefined || toColumns === undefined) return []
      const table = owner.slice('credits.'.length)
      return [{ table, columns: columns.split(', '), toTable, toColumns: toColumns.split(', ') }]
    }),
  )
}

function ruleOf(tx: Transaction, { table, columns, toTable, toColumns }: ForeignKey): Rule {
  const from = columns.map((column) => tx`${tx(`r.${column}`)}`)
  const list = from.reduce((left, right) => tx`${left}, ${right}`)
  const equal = toColumns
    .map((column, index) => tx`${tx(`t.${column}`)} = ${from[index] ?? tx`null`}`)
    .reduce((left, right) => tx`${left} and ${right}`)
  const isSet = from
    .map((column) => tx`${column} is not null`)
    .reduce((left, right) => tx`${left} and ${right}`)
  return {
    name: 'row-points-nowhere',
    offenders: tx`
      select ${`${table} ${columns.join(', ')}`} || ' ' || concat_ws(', ', ${list}) as subject,
        ${`there is no such row in ${toTable}`} as detail
      from credits.${tx(table)} r
      where ${isSet} and not exists (select from credits.${tx(toTable)} t where ${equal})`,
  }
}

import type { Transaction } from '../database/connect.ts'
import type { Difference } from './differences.ts'

/** The triggers and unique indexes of one table that the books rest on. */
export interface Guards {
  table: string
  triggers: string[]
  uniqueIndexes: string[]
}

/** Finds guards that were dropped or disabled, in schema `credits`: what no stored row can show. */
export async function findMissingGuards(tx: Transaction, guards: Guards[]): Promise<Difference[]> {
  const triggers = guards.flatMap(({ table, triggers }) => triggers.map((name) => ({ table, name })))
  const indexes = guards.flatMap(({ table, uniqueIndexes }) => uniqueIndexes.map((name) => ({ table, name })))
  // tgenabled: O fires in ordinary sessions, A always; D is disabled and R fires for replication only.
  const missingTriggers = await tx<{ table: string; name: string }[]>`
    select wanted.table, wanted.name
    from jsonb_to_recordset(${tx.json(triggers)}) as wanted ("table" text, name text)
    where not exists (
      select 1 from pg_trigger t
      where t.tgname = wanted.name and t.tgenabled in ('O', 'A')
        and t.tgrelid = to_regclass('credits.' || quote_ident(wanted.table)))`
  const missingIndexes = await tx<{ table: string; name: string }[]>`
    select wanted.table, wanted.name
    from jsonb_to_recordset(${tx.json(indexes)}) as wanted ("table" text, name text)
    where not exists (
      select 1 from pg_index i
      where i.indexrelid = to_regclass('credits.' || quote_ident(wanted.name))
        and i.indrelid = to_regclass('credits.' || quote_ident(wanted.table))
        and i.indisunique and i.indisvalid)`
  return [
    ...missingTriggers.map(({ table, name }) => ({
      rule: 'guard-is-missing',
      subject: `credits.${table}`,
      detail: `the trigger ${name} is missing or disabled`,
    })),
    ...missingIndexes.map(({ table, name }) => ({
      rule: 'guard-is-missing',
      subject: `credits.${table}`,
      detail: `the unique index ${name} is missing or invalid`,
    })),
  ]
}

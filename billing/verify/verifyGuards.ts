import { readdir, readFile } from 'node:fs/promises'
import type { Transaction } from '../database/connect.ts'
import { functionSources } from '../database/migrate.ts'
import { type Difference, type Rule, streamDifferences, type VerificationStep } from './differences.ts'
import expectedGuards from './guards.json'

const migrations = new URL('../database/migrations/', import.meta.url)

/**
 * Finds guards that were dropped, disabled or changed: what no stored row can show. `guards.json` holds what the migrations
 * of this build make; a test keeps it equal to a fresh database (and rewrites it, with `-u`). Functions are compared with
 * their sources.
 *
 * What was added is named only where it can change or hide what is written: a trigger, a rule, a policy, a function. Another constraint
 * or column refuses more, not less, and is there while a newer release has migrated already.
 */
export async function verifyGuards(tx: Transaction): Promise<Difference[]> {
  const [found, bodies, sources] = [await readGuards(tx), await readFunctionBodies(tx), await readSources()]
  return [...compareGuards(expectedGuards, found), ...compareFunctions(sources, bodies)]
}

/** Compares guards by name, and says what was expected and what is there. Pure. */
export function compareGuards(expected: Guards, found: Guards): Difference[] {
  const missing = Object.entries(expected).flatMap(([owner, guards]) =>
    Object.entries(guards).flatMap(([name, definition]): Difference[] => {
      const there = found[owner]?.[name]
      if (there === definition) return []
      const outOfForce = there === definition + OUT_OF_FORCE
      if (there === undefined || outOfForce) {
        const detail = `the ${name} is ${outOfForce ? 'disabled' : 'missing'}`
        return [{ rule: 'guard-is-missing', subject: owner, detail }]
      }
      const detail = `the ${name} is "${there}", and must be "${definition}"`
      return [{ rule: 'guard-is-changed', subject: owner, detail }]
    }),
  )
  const added = Object.entries(found).flatMap(([owner, guards]) =>
    Object.entries(guards).flatMap(([name, definition]): Difference[] => {
      if (expected[owner]?.[name] !== undefined) return []
      const canAlter = /^(settings|functions)$/.test(owner) || /^(trigger|rule|policy) /.test(name)
      if (!canAlter) return []
      return [{ rule: 'guard-is-unknown', subject: owner, detail: `there is a ${name}: "${definition}"` }]
    }),
  )
  return [...missing, ...added]
}

/** Compares the bodies of functions with their sources. One that is missing altogether is told with the guards. Pure. */
export function compareFunctions(
  sources: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): Difference[] {
  return [...sources].flatMap(([name, body]): Difference[] => {
    const there = found.get(name)
    if (there === undefined || there === body) return []
    const detail = `the body of ${name} is not the one of this release`
    return [{ rule: 'guard-is-changed', subject: `function credits.${name}`, detail }]
  })
}

/** The body of each function as the last source that makes it has it. */
async function readSources(): Promise<Map<string, string>> {
  const files = (await readdir(migrations)).filter((file) => file.endsWith('.sql')).sort()
  const urls = [...files.map((file) => new URL(file, migrations)), ...functionSources]
  const texts = await Promise.all(urls.map((url) => readFile(url, 'utf8')))
  return bodiesOf(texts.join('\n'))
}

const FUNCTION =
  /^CREATE (?:OR REPLACE )?FUNCTION "credits"\."(\w+)"[^$]*?\$\$(.*?)\$\$|^DROP FUNCTION (?:IF EXISTS )?"credits"\."(\w+)"/gims

/** Functions are written as `CREATE [OR REPLACE] FUNCTION "credits"."name"… AS $$body$$`, and dropped by `DROP FUNCTION`. Pure. */
export function bodiesOf(source: string): Map<string, string> {
  const bodies = new Map<string, string>()
  for (const [, made, body, dropped] of source.matchAll(FUNCTION)) {
    if (made !== undefined && body !== undefined) bodies.set(made, body)
    if (dropped !== undefined) bodies.delete(dropped)
  }
  return bodies
}

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

/** What guards the books, by what it belongs to (`credits.deposit`, `functions`), and there by its name: how it reads. */
export type Guards = Record<string, Record<string, string>>

/** What a trigger, a foreign key or an index says of itself where it does not work. */
export const OUT_OF_FORCE = ' -- out of force'

/**
 * Reads from the catalog everything of schema `credits` that the database itself refuses by: columns with their types,
 * defaults and NOT NULL, constraints, unique indexes, triggers, rules and policies, and the heads of functions (their bodies
 * are compared with their sources). What is disabled, not valid or not ready is there with a mark.
 *
 * The words are PostgreSQL's own (`pg_get_constraintdef` and its like), the same from 15 to 18 for all that is used here.
 * They depend on the search path, so hand in a transaction whose path is `pg_catalog` alone.
 */
export async function readGuards(tx: Transaction): Promise<Guards> {
  const rows = await tx<{ owner: string; name: string; definition: string }[]>`
    with tables as (
      select c.oid, 'credits.' || c.relname as owner, c.relpersistence, c.relrowsecurity
      from pg_class c where c.relnamespace = to_regnamespace('credits') and c.relkind in ('r', 'p')
    )
    select owner, 'table' as name, concat_ws(', ',
        case relpersistence when 'p' then 'permanent' else 'not logged' end,
        case when relrowsecurity then 'row security' end) as definition
      from tables
    union all
    select t.owner, 'column ' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end,
        case a.attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end,
        case when a.attgenerated <> '' then 'generated as ' when d.oid is not null then 'default ' end
          || pg_get_expr(d.adbin, d.adrelid))
      from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    -- A foreign key is kept by internal triggers on both tables, a unique one by its index.
    select t.owner, 'constraint ' || c.conname, pg_get_constraintdef(c.oid) || case when exists (
          select from pg_trigger g where g.tgconstraint = c.oid and g.tgenabled not in ('O', 'A')
        ) or exists (
          select from pg_index i where i.indexrelid = c.conindid and not (i.indisvalid and i.indisready and i.indislive)
        ) or (c.contype = 'f' and not exists (select from pg_trigger g where g.tgconstraint = c.oid))
        then ${OUT_OF_FORCE} else '' end
      from tables t join pg_constraint c on c.conrelid = t.oid where c.contype in ('c', 'f', 'p', 'u', 'x')
    union all
    select t.owner, 'unique index ' || n.relname, pg_get_indexdef(i.indexrelid)
        || case when i.indisvalid and i.indisready and i.indislive then '' else ${OUT_OF_FORCE} end
      from tables t join pg_index i on i.indrelid = t.oid join pg_class n on n.oid = i.indexrelid
      where i.indisunique and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
    union all
    -- tgenabled: O fires in ordinary sessions, A always; D is disabled and R fires for replication only.
    select t.owner, 'trigger ' || g.tgname, pg_get_triggerdef(g.oid)
        || case when g.tgenabled in ('O', 'A') then '' else ${OUT_OF_FORCE} end
      from tables t join pg_trigger g on g.tgrelid = t.oid where not g.tgisinternal
    union all
    select t.owner, 'rule ' || r.rulename, pg_get_ruledef(r.oid) from tables t join pg_rewrite r on r.ev_class = t.oid
    union all
    select t.owner, 'policy ' || p.polname, 'row security policy' from tables t join pg_policy p on p.polrelid = t.oid
    union all
    select 'functions', 'credits.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
        concat_ws(', ', case p.prokind when 'f' then null else 'kind ' || p.prokind::text end,
          'returns ' || pg_get_function_result(p.oid), l.lanname,
          case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
          'parallel ' || p.proparallel::text, case when p.proisstrict then 'strict' end,
          case when p.prosecdef then 'security definer' end, array_to_string(p.proconfig, ', '))
      from pg_proc p join pg_language l on l.oid = p.prolang where p.pronamespace = to_regnamespace('credits')
    union all
    -- With triggers off for a whole database or role no trigger needs to be touched.
    select 'settings', 'of ' || coalesce(r.rolname, 'everybody'), s.setting
      from pg_db_role_setting o left join pg_roles r on r.oid = o.setrole, unnest(o.setconfig) as s (setting)
      where (o.setdatabase = 0 or o.setdatabase = (select d.oid from pg_database d where d.datname = current_database()))
        and s.setting like 'session_replication_role=%'
    order by 1, 2`
  const guards: Guards = {}
  for (const { owner, name, definition } of rows) {
    guards[owner] ??= {}
    guards[owner][name] = definition
  }
  return guards
}

/** The body of every function of schema `credits`, by its name. */
export async function readFunctionBodies(tx: Transaction): Promise<Map<string, string>> {
  const rows = await tx<{ name: string; body: string }[]>`
    select p.proname as name, p.prosrc as body from pg_proc p where p.pronamespace = to_regnamespace('credits')`
  return new Map(rows.map(({ name, body }) => [name, body]))
}

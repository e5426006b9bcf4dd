import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Sql } from '../../billing/database/connect.ts'
import { migrate } from '../../billing/database/migrate.ts'
import { bringUpTo, dropSchema, migrationsFolder, migrationTags } from '../support/bringUpTo.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

// The SQL functions are source and not part of a migration, so a database could have other ones than this build. Goal: none
// has, whichever release it comes from. Method: a new database is the measure, and every other one is compared with it
// through PostgreSQL's own description of its functions, triggers, constraints, indexes and columns.

const billing = fileURLToPath(new URL('../../billing', import.meta.url))

/** Every functions.sql under billing/, whether `migrate` knows it or not. */
const sources = await Promise.all(
  (await readdir(billing, { recursive: true }))
    .filter((path) => path.endsWith('functions.sql') && !path.startsWith('database/migrations'))
    .map((path) => readFile(join(billing, path), 'utf8')),
)
const functionNames = sources.flatMap((text) =>
  [...text.matchAll(/^create or replace function "credits"\."(\w+)"/gim)].map(([, name = '']) => name),
)

let fresh: TestDatabase
let database: TestDatabase
beforeEach(async () => {
  fresh = await createTestDatabase()
  database = await createTestDatabase()
})
afterEach(async () => {
  await Promise.all([fresh.drop(), database.drop()])
})

/** What PostgreSQL says that the schema consists of. */
async function describeSchema(sql: Sql): Promise<Record<string, string[]>> {
  const rows = await sql<{ kind: string; text: string }[]>`
    select 'function' as kind, pg_get_functiondef(oid) as text from pg_proc
      where pronamespace = 'credits'::regnamespace and prokind in ('f', 'p')
    union all
    select 'trigger', pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'credits'::regnamespace and not t.tgisinternal
    union all
    select 'constraint', conrelid::regclass || ': ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
      where connamespace = 'credits'::regnamespace
    union all
    select 'index', indexdef from pg_indexes where schemaname = 'credits'
    union all
    select 'column', concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.attidentity, pg_get_expr(d.adbin, d.adrelid))
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where c.relnamespace = 'credits'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    order by kind, text`
  const schema: Record<string, string[]> = {}
  for (const { kind, text } of rows) {
    schema[kind] ??= []
    schema[kind].push(text)
  }
  return schema
}

/** The catalog rows of the functions: a function that is created again, even unchanged, has another `xmin`. */
function functionVersions(sql: Sql) {
  return sql`
    select oid::text, proname, xmin::text from pg_proc where pronamespace = 'credits'::regnamespace order by oid`
}

/** Changes every function that has a source: its cost, and what one of them answers. */
async function changeFunctionsByHand(sql: Sql): Promise<void> {
  const found = await sql<{ signature: string }[]>`
    select oid::regprocedure::text as signature from pg_proc
    where pronamespace = 'credits'::regnamespace and proname in ${sql(functionNames)}`
  expect(found).toHaveLength(functionNames.length)
  await sql.unsafe(`
    create or replace function credits.plan_charge(cost bigint, left_micros bigint) returns bigint
      language sql immutable parallel safe as 'select cost * 2';
    ${found.map(({ signature }) => `alter function ${signature} cost 7;`).join('\n')}
  `)
}

describe('every database has the functions, triggers, constraints and indexes of a new one', () => {
  test.for(migrationTags)('brought up from %s', async (tag) => {
    await bringUpTo(database, tag)
    const before = await describeSchema(database.sql)
    await migrate(database.url)
    const after = await describeSchema(database.sql)
    expect(after).toEqual(await describeSchema(fresh.sql))
    // That it was an older state: without this the comparison could be one of a new database with itself.
    expect(after).not.toEqual(before)
  })

  test('after its functions were changed by hand and the stored hash was deleted', async () => {
    await changeFunctionsByHand(database.sql)
    await database.sql`delete from credits.applied_functions`
    expect(await describeSchema(database.sql)).not.toEqual(await describeSchema(fresh.sql))
    await migrate(database.url)
    expect(await describeSchema(database.sql)).toEqual(await describeSchema(fresh.sql))
  })

  test('after a release whose functions were others', async () => {
    await changeFunctionsByHand(database.sql)
    await database.sql`update credits.applied_functions set sha256 = 'of another release'`
    await migrate(database.url)
    expect(await describeSchema(database.sql)).toEqual(await describeSchema(fresh.sql))
    const hashes = (sql: Sql) => sql`select one, sha256 from credits.applied_functions`
    expect(await hashes(database.sql)).toEqual(await hashes(fresh.sql))
  })
})

describe('applying functions', () => {
  test('does nothing when the database has them', async () => {
    const before = await functionVersions(database.sql)
    const [applied] = await database.sql`select * from credits.applied_functions`
    await migrate(database.url)
    expect(await functionVersions(database.sql)).toEqual(before)
    expect(await database.sql`select * from credits.applied_functions`).toEqual([applied])
  })

  test('leaves the clock that a test put there', async () => {
    await database.sql.unsafe(`
      create or replace function credits.wall_clock() returns timestamptz language sql volatile
        as $$ select '2026-01-01T00:00:00Z'::timestamptz $$;
      delete from credits.applied_functions;
    `)
    await migrate(database.url)
    expect(await database.sql`select credits.wall_clock() as now`).toEqual([
      { now: new Date('2026-01-01T00:00:00Z') },
    ])
  })

  test('applies all of them or none', async () => {
    // The last source cannot be applied: a function does not change what it returns.
    await changeFunctionsByHand(database.sql)
    await database.sql.unsafe(`
      delete from credits.applied_functions;
      drop function credits.publish_events(text, integer);
      create function credits.publish_events(p_endpoint text, p_limit integer) returns text language sql as 'select null';
    `)
    const before = await functionVersions(database.sql)
    await expect(migrate(database.url)).rejects.toThrow('cannot change return type of existing function')
    expect(await functionVersions(database.sql)).toEqual(before)
    expect(await database.sql`select from credits.applied_functions`).toHaveLength(0)
  })

  test('leaves those of a newer release, whose tables an older one does not know', async () => {
    await changeFunctionsByHand(database.sql)
    await database.sql`update credits.applied_functions set sha256 = 'of a newer release'`
    await database.sql`
      insert into credits.migration (hash, created_at) select 'of a newer release', max(created_at) + 1 from credits.migration`
    const before = await functionVersions(database.sql)
    await migrate(database.url)
    expect(await functionVersions(database.sql)).toEqual(before)
  })

  test.for(['nothing', '0005_forget_events', 'other functions'])(
    'processes that start at once on a database with %s take turns',
    async (start) => {
      if (start === 'nothing') await dropSchema(database)
      else if (start === 'other functions') await database.sql`delete from credits.applied_functions`
      else await bringUpTo(database, start)
      await Promise.all(Array.from({ length: 4 }, () => migrate(database.url)))
      expect(await describeSchema(database.sql)).toEqual(await describeSchema(fresh.sql))
      expect(await database.sql`select from credits.migration`).toHaveLength(migrationTags.length)
      // One transaction made all of them: nobody made them again.
      expect(
        await database.sql`
          select distinct xmin::text from pg_proc
          where pronamespace = 'credits'::regnamespace and proname in ${database.sql(functionNames)}`,
      ).toHaveLength(1)
    },
  )
})

describe('the sources', () => {
  test('no migration after 0005 creates a function', async () => {
    const creating = await Promise.all(
      migrationTags.map(async (tag) => {
        const text = await readFile(join(migrationsFolder, `${tag}.sql`), 'utf8')
        return /\bcreate\s+(or\s+replace\s+)?(function|procedure)\b/i.test(text) ? [tag] : []
      }),
    )
    expect(creating.flat()).toEqual(['0001_guards', '0003_metering'])
  })

  test('hold each function of metering and events once, and not the clock', () => {
    expect(new Set(functionNames).size).toBe(functionNames.length)
    expect(functionNames).toEqual(expect.arrayContaining(['meter_sessions', 'publish_events']))
    expect(functionNames).not.toContain('wall_clock')
    // Nothing but "create or replace": whatever they do is done again after every change.
    expect(sources.join('\n')).not.toMatch(/^\s*create (?!or replace)/im)
  })
})

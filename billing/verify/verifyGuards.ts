import { readdir, readFile } from 'node:fs/promises'
import { functionSources } from '../database/applyFunctions.ts'
import type { Transaction } from '../database/connect.ts'
import type { Difference } from './differences.ts'
import expectedGuards from './guards.json' with { type: 'json' }
import { type Guards, OUT_OF_FORCE, readFunctionBodies, readGuards } from './readGuards.ts'

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

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'

// What production installs, by the lock: nothing unchecked, under no licence that nobody has read, and nothing that runs at
// install without a reason. docs/dependencies.md tells people the same.

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      /** Of an alias: what it stands for. */
      name: z.string().optional(),
      version: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      hasInstallScript: z.boolean().optional(),
    }),
  ),
})

/** Licences that ask for no more than their text and names to be kept. MPL-2.0 binds changes to its own files only. */
const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MPL-2.0',
  'Unlicense',
]

interface Installed {
  name: string
  version: string
  license: string
  integrity: string | null
  isDev: boolean
  runsAtInstall: boolean
}

let installed: Installed[]
let told: string
beforeAll(async () => {
  const lock = lockSchema.parse(JSON.parse(await readFile('package-lock.json', 'utf8')))
  told = await readFile('docs/dependencies.md', 'utf8')
  installed = Object.entries(lock.packages)
    .filter(([place]) => place !== '')
    .map(([place, entry]) => ({
      name: entry.name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: entry.version ?? '',
      license: entry.license ?? 'none',
      integrity: entry.integrity ?? null,
      isDev: entry.dev === true,
      runsAtInstall: entry.hasInstallScript === true,
    }))
})

const production = () => installed.filter(({ isDev }) => !isDev)

/** Of several to choose from, one that is allowed will do; where several hold at once, all must be. */
function isAllowed(expression: string): boolean {
  const choices = expression.replaceAll(/[()]/g, '').split(' OR ')
  return choices.some((choice) => choice.split(' AND ').every((license) => ALLOWED.includes(license.trim())))
}

test.each([
  ['MIT', true],
  ['(MIT OR CC0-1.0)', true],
  ['MIT OR GPL-3.0-only', true],
  ['MIT AND GPL-3.0-only', false],
  ['GPL-3.0-only', false],
  ['none', false],
  ['SEE LICENSE IN LICENSE', false],
])('the licence %s is allowed: %s', (expression, expected) => {
  expect(isAllowed(expression)).toBe(expected)
})

describe('the lock', () => {
  test('has a hash of everything that may be installed, on any platform', () => {
    expect(installed.length).toBeGreaterThan(100)
    expect(installed.filter(({ integrity }) => integrity === null)).toEqual([])
    for (const { name, integrity } of installed) expect(`${name} ${integrity}`).toMatch(/ sha512-[\w+/]+=*$/)
  })

  test('has nothing for production under a licence that is not allowed', () => {
    expect(production().filter(({ license }) => !isAllowed(license))).toEqual([])
  })

  test('pins every package that is asked for by name', async () => {
    const { dependencies, devDependencies, optionalDependencies } = z
      .record(z.string(), z.unknown())
      .parse(JSON.parse(await readFile('package.json', 'utf8')))
    const ranges = Object.entries({
      ...z.record(z.string(), z.string()).parse(dependencies),
      ...z.record(z.string(), z.string()).parse(devDependencies),
      ...z.record(z.string(), z.string()).parse(optionalDependencies),
    })
    expect(ranges.length).toBeGreaterThan(20)
    expect(ranges.filter(([, range]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))).toEqual([])
  })
})

describe('docs/dependencies.md', () => {
  test('counts the licences of what production installs', () => {
    const counts = new Map<string, number>()
    for (const { license } of production()) counts.set(license, (counts.get(license) ?? 0) + 1)
    const rows = [...told.matchAll(/^\| `([^`]+)` \| (\d+) \|/gm)].map(([, license, count]) => [
      license,
      Number(count),
    ])
    expect(new Map(rows as [string, number][])).toEqual(counts)
  })

  test('says of each package that runs something at install why it may', () => {
    const names = new Set(installed.filter(({ runsAtInstall }) => runsAtInstall).map(({ name }) => name))
    const reasons = [...told.matchAll(/^\| `([^`]+)` \| (production|development) \| (.+) \|$/gm)]
    expect(new Set(reasons.map(([, name]) => name))).toEqual(names)
  })
})

test('npm run sbom lists all that may be installed, in CycloneDX, and marks what only development needs', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'sbom'], { maxBuffer: 1 << 25 })
  const { components } = z
    .object({
      bomFormat: z.literal('CycloneDX'),
      components: z.array(
        z.object({
          purl: z.string(),
          hashes: z.array(z.object({ alg: z.string() })).min(1),
          properties: z.array(z.object({ name: z.string(), value: z.string() })),
        }),
      ),
    })
    .parse(JSON.parse(stdout))
  const isDev = new Map(
    components.map(({ purl, properties }) => [
      decodeURIComponent(purl),
      properties.some(({ name }) => name === 'cdx:npm:package:development'),
    ]),
  )
  const purlOf = ({ name, version }: Installed) => `pkg:npm/${name}@${version}`
  expect(installed.filter((one) => !isDev.has(purlOf(one)))).toEqual([])
  expect(production().filter((one) => isDev.get(purlOf(one)))).toEqual([])
})

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** Every source file of a folder, with what it imports as paths relative to the checkout (packages by their name). */
function sourcesOf(folder: string) {
  return readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(tsx?|mjs)$/.test(file))
    .map((file) => {
      const path = join(folder, file)
      const text = readFileSync(join(checkout, path), 'utf8')
      const imports = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, target = '']) =>
        target.startsWith('.') ? relative(checkout, join(checkout, dirname(path), target)) : target,
      )
      return { path, text, imports }
    })
}

/** `path → import` for each import that a rule forbids. */
function violations(folder: string, isForbidden: (target: string, path: string) => boolean): string[] {
  return sourcesOf(folder).flatMap(({ path, imports }) =>
    imports.filter((target) => isForbidden(target, path)).map((target) => `${path} → ${target}`),
  )
}

/** Each cycle of imports once, types included, as `a → b → a`. */
function cyclesOf(sources: { path: string; imports: string[] }[]): string[] {
  const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]))
  const done = new Set<string>()
  const trail: string[] = []
  function follow(path: string): string[] {
    if (trail.includes(path)) return [[...trail.slice(trail.indexOf(path)), path].join(' → ')]
    if (done.has(path)) return []
    trail.push(path)
    const cycles = (importsOf.get(path) ?? []).flatMap(follow)
    trail.pop()
    done.add(path)
    return cycles
  }
  return [...importsOf.keys()].flatMap(follow)
}

const billing = sourcesOf('billing')

describe('the tree reads as the flow because nothing reaches back', () => {
  test('there is no cycle of imports, types included', () => {
    const sources = ['billing', 'cli', 'supervisor', 'panel'].flatMap(sourcesOf)
    expect(sources.length).toBeGreaterThan(200)
    expect(cyclesOf(sources)).toEqual([])
  })

  test('the ledger knows nothing of chains, the gate, prices or HTTP', () => {
    const allowed = /^(billing\/(ledger|database)\/|node:|drizzle-orm|postgres$|viem$)/
    expect(violations('billing/ledger', (target) => !allowed.test(target))).toEqual([])
  })

  test('of viem the ledger uses nothing but types', () => {
    const uses = sourcesOf('billing/ledger').filter(({ text }) => /import \{[^}]*\} from 'viem'/.test(text))
    expect(uses.map(({ path }) => path)).toEqual([])
  })

  test('the indexer knows nothing of billing', () => {
    expect(violations('src', (target) => target.startsWith('billing'))).toEqual([])
  })

  test('prices are pure: they import nothing that can ask or write', () => {
    const allowed = /^(billing\/(pricing|config)\/|viem$|zod$)/
    expect(violations('billing/pricing', (target) => !allowed.test(target))).toEqual([])
  })

  test('files with plan functions import nothing that can ask or write, but for types', () => {
    const planners = billing.filter(({ path }) => /\/plan[A-Z][A-Za-z]*\.ts$/.test(path))
    expect(planners.length).toBeGreaterThan(0)
    for (const { path, text } of planners) {
      const values = [...text.matchAll(/^import (?!type)(.*) from '([^']+)'/gm)].map(([, , target]) => target)
      const impure = values.filter(
        (target) =>
          !['../pricing/quote.ts', '../rpc/agree.ts', '../deposits/deposit.ts', './planDeposit.ts'].includes(
            target ?? '',
          ),
      )
      expect({ path, impure }).toEqual({ path, impure: [] })
    }
  })

  test('what viem throws is known to nobody: an RPC fails with an RpcError, whatever it was asked with', () => {
    const viemErrors =
      /\b(BaseError|HttpRequestError|RpcRequestError|TimeoutError|WebSocketRequestError|ContractFunction\w*Error|CallExecutionError)\b/
    const served = ['billing', 'cli', 'src', 'supervisor'].flatMap(sourcesOf)
    const users = served.filter(({ text }) => viemErrors.test(text))
    expect(users.map(({ path }) => path)).toEqual([])
    // A transport of viem's would repeat and sleep by itself, behind the back of our own deadlines.
    const transports = /\b(http|webSocket|fallback|getHttpRpcClient|getWebSocketRpcClient)\b[^']*from 'viem/
    expect(served.filter(({ text }) => transports.test(text)).map(({ path }) => path)).toEqual([])
  })

  test('the HTTP side holds no SQL and opens no connection', () => {
    const database =
      /^(postgres$|drizzle|billing\/database\/(connect|electLeader|migrate)|billing\/chain\/rpc\/rpcEndpoint)/
    expect(violations('billing/api', (target) => database.test(target))).toEqual([])
    expect(sourcesOf('billing/api').filter(({ text }) => /\bsql`/.test(text))).toEqual([])
  })

  test('what is inside knows nothing of HTTP: only the composition roots import the API', () => {
    const outside = /^billing\/(api\/|main\.ts|wireApi\.ts)/
    expect(
      violations('billing', (target, path) => target.startsWith('billing/api/') && !outside.test(path)),
    ).toEqual([])
  })

  test('only composition roots read the environment', () => {
    const roots = /^(billing|cli|supervisor)\/main\.ts$/
    const readers = [...billing, ...['src', 'cli', 'supervisor'].flatMap(sourcesOf)].filter(
      ({ path, text }) => /process\.env/.test(text) && !roots.test(path),
    )
    expect(readers.map(({ path }) => path)).toEqual([])
  })

  test('only composition roots connect to the database, and nothing imports them', () => {
    const roots = /^billing\/(main|runWorker|wireApi)\.ts$/
    const connects = /(?<![\w.^])(connect|electLeader|migrate|postgres)\(/
    const outside = billing.filter(
      ({ path, text }) => !path.startsWith('billing/database/') && !roots.test(path) && connects.test(text),
    )
    expect(outside.map(({ path }) => path)).toEqual([])
    expect(violations('billing', (target, path) => roots.test(target) && path !== 'billing/main.ts')).toEqual(
      [],
    )
  })

  test('of billing the page takes nothing but types, and nothing of the demo but in the one guarded place', () => {
    const page = sourcesOf('panel').filter(({ path }) => path !== 'panel/vite.config.ts')
    expect(page.length).toBeGreaterThan(50)
    const values = page.flatMap(({ path, text }) =>
      [...text.matchAll(/^import (?!type )[^']*'[^']*\/(billing|supervisor)\/[^']*'/gm)].map(() => path),
    )
    expect(values).toEqual([])
    const demo = page.filter(
      ({ path, imports }) =>
        !path.startsWith('panel/demo/') && imports.some((target) => target.startsWith('panel/demo/')),
    )
    expect(demo.map(({ path }) => path)).toEqual(['panel/main.tsx'])
  })

  test('what the page computes and writes knows nothing of views, state or wallets', () => {
    const impure = /^panel\/(views|state|wallet|api\/(?!apiTypes))/
    const pure = /^panel\/(pay\/|format\.ts$)/
    expect(violations('panel', (target, path) => pure.test(path) && impure.test(target))).toEqual([])
  })

  test('there is one INSERT into the ledger', () => {
    const inserts = billing.filter(({ text }) => /insert into credits\.ledger_entry\b/i.test(text))
    expect(inserts.map(({ path }) => path)).toEqual(['billing/ledger/post.ts'])
  })

  test('there is one INSERT into the outbox', () => {
    const inserts = billing.filter(({ text }) => /insert into credits\.outbox_event\b/i.test(text))
    expect(inserts.map(({ path }) => path)).toEqual(['billing/events/outbox.ts'])
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { removeFolder } from '../../demo/removeFolder.ts'
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../../supervisor/embeddedPostgres.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { runCredits } from '../support/runCredits.ts'

const WALLET = '0x52908400098527886e0f7030069857d2e4169ee7'
const OTHER = `0x${'b'.repeat(40)}`
const HASH = `0x${'4'.repeat(64)}`
const DEPOSIT = `1-${HASH}-eth-${WALLET}`

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const credits = (args: string[], env: Record<string, string> = { DATABASE_URL: database.url }) =>
  runCredits(args, env)

describe('with nothing but DATABASE_URL', () => {
  test('verify says that books are in order', async () => {
    const { code, out } = await credits(['verify'])
    expect({ code, out }).toEqual({
      code: 0,
      out:
        'In order: 0 accounts, 0 entries, 0 adjustments, 0 deposits, 0 quotes, 0 meters, 0 sessions, 0 volumes, ' +
        '0 postings, 0 events checked.',
    })
  })

  test('verify names a difference and ends with 1, as text and as JSON', async () => {
    const broken = await createTestDatabase()
    try {
      await broken.sql.begin(async (tx) => {
        await tx`set local session_replication_role = replica`
        await tx`insert into credits.account (address, balance_micros) values (${WALLET}, 5), (${OTHER}, 6)`
      })
      const env = { DATABASE_URL: broken.url }
      const text = await credits(['verify'], env)
      expect(text.code).toBe(1)
      expect(text.out).toContain(
        `balance-is-not-the-sum: ${WALLET}: the balance is 5 micros, its entries sum to 0`,
      )
      expect(text.out).toContain('2 differences: 2 accounts, 0 entries')
      const json = await credits(['verify', '--json'], env)
      expect(json.code).toBe(1)
      const answer = JSON.parse(json.out)
      expect(answer).toMatchObject({ ok: false, checked: { accounts: '2' } })
      expect(answer.differences.map(({ subject }: { subject: string }) => subject).sort()).toEqual(
        [WALLET, OTHER].sort(),
      )
    } finally {
      await broken.drop()
    }
  })

  test('adjust posts once per key, and another body is refused with 1', async () => {
    const adjust = (minutes: string, ...more: string[]) =>
      credits(['adjust', WALLET, minutes, '--reason', 'ticket 4711', '--key', 'ticket-4711', ...more])
    expect(await adjust('60')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Posted entry \d+, 60 minutes; the balance after it is 60 minutes\.$/),
    })
    expect(await adjust('60.0')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Posted before, nothing changed/),
    })
    const json = await adjust('60', '--json')
    expect(JSON.parse(json.out)).toMatchObject({
      kind: 'repeated',
      balanceMicros: '3600000000',
      balanceMinutes: '60',
      entry: { kind: 'adjustment', reference: 'adjustment:ticket-4711', details: { reason: 'ticket 4711' } },
    })
    expect(await adjust('61')).toEqual({
      code: 1,
      out: '',
      err: 'The key "ticket-4711" was used for another wallet, amount or reason. Nothing was posted.',
    })
  })

  test('adjust lowers an account by a negative number of minutes', async () => {
    const args = ['adjust', OTHER, '-1.5', '--reason', 'test', '--key', 'negative']
    expect(await credits(args)).toMatchObject({ code: 0, out: expect.stringContaining('-1.5 minutes') })
  })

  test.each([
    'NaN',
    'Infinity',
    '1e309',
    '-0',
    '0',
    '0.123456789012345678901234567890',
    '1,5',
    '',
    '0x10',
    '９',
  ])('adjust refuses %j minutes with 64 and posts nothing', async (minutes) => {
    const entries = () => database.sql`select count(*) from credits.ledger_entry`
    const before = await entries()
    const args = ['adjust', WALLET, minutes, '--reason', 'test', '--key', `bad-${minutes}`]
    expect(await credits(args)).toMatchObject({ code: 64, out: '' })
    expect(await entries()).toEqual(before)
  })

  test('account show tells the balance and the entries, in any case of the address', async () => {
    const { code, out } = await credits(['account', 'show', '0x52908400098527886E0F7030069857D2E4169EE7'])
    expect(code).toBe(0)
    expect(out).toContain(`account ${WALLET}\nbalance 60 minutes (3600000000 micros)\n`)
    expect(out).toMatch(/^\d+ .* 60 {7}adjustment:ticket-4711$/m)
  })

  test('account show of an address never seen is balance 0', async () => {
    const { code, out } = await credits(['account', 'show', `0x${'c'.repeat(40)}`, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      balance: {
        balanceMicros: '0',
        balanceMinutes: '0',
        burnMicrosPerMinute: '0',
        runsOutAt: null,
        low: false,
      },
      sessions: [],
      volumes: [],
      entries: [],
    })
  })

  test('account show refuses an address with a wrong checksum', async () => {
    const mistyped = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeE'
    expect(await credits(['account', 'show', mistyped])).toMatchObject({
      code: 64,
      err: expect.stringContaining('its EIP-55 checksum is wrong'),
    })
  })

  describe('a recorded deposit', () => {
    beforeAll(async () => {
      await database.sql`
        insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, reason, detail, amount_base_units, block_number,
          block_hash, block_timestamp)
        values (${DEPOSIT}, 1, ${HASH}, 'eth:1', ${WALLET}, 'held', 'below_minimum', '5 of 500000000000000 wei', 5, 7, '0x07', now())`
    })

    test.each([DEPOSIT, HASH, HASH.toUpperCase().replace('0X', '0x')])('is shown by %s', async (key) => {
      const { code, out } = await credits(['deposit', 'show', key])
      expect(code).toBe(0)
      expect(out).toContain(`deposit ${DEPOSIT}`)
      expect(out).toContain('state          held: below_minimum')
      expect(out).toContain('why            5 of 500000000000000 wei')
      expect(out).toContain('confirmations  0 of 6')
    })

    test('shows the confirmations of its chain’s setting, and a bad one ends with 78', async () => {
      const env = { DATABASE_URL: database.url, CONFIRMATIONS: '9', CONFIRMATIONS_1: '12' }
      expect((await credits(['deposit', 'show', HASH], env)).out).toContain('confirmations  0 of 12')
      const bad = await credits(['deposit', 'show', HASH], { ...env, CONFIRMATIONS_1: 'many' })
      expect(bad).toMatchObject({ code: 78, err: expect.stringContaining('CONFIRMATIONS_1 is "many"') })
    })

    test('is listed by state and reason', async () => {
      const held = await credits(['deposit', 'list', '--state', 'held'])
      expect(held.out).toContain(`${DEPOSIT}  5 of 500000000000000 wei`)
      const byReason = await credits(['deposit', 'list', '--reason', 'below_minimum', '--json'])
      expect(JSON.parse(byReason.out)).toMatchObject({
        items: [{ id: DEPOSIT, state: 'held', detail: '5 of 500000000000000 wei' }],
        nextCursor: null,
      })
      expect((await credits(['deposit', 'list', '--state', 'credited'])).out).not.toContain(DEPOSIT)
      expect(await credits(['deposit', 'list', '--state', 'lost'])).toMatchObject({ code: 64 })
      expect(await credits(['deposit', 'list', '--cursor', 'x'])).toMatchObject({ code: 64 })
    })
  })

  test('a deposit that is not recorded ends with 1', async () => {
    expect(await credits(['deposit', 'show', `0x${'5'.repeat(64)}`])).toMatchObject({ code: 1, out: '' })
  })
})

describe('the command line', () => {
  test.each([
    [[]],
    [['no-such-command']],
    [['verify', '--no-such-option']],
    [['verify', 'surplus']],
    [['account', 'show']],
    [['account', 'show', '0x12']],
    [['deposit', 'show', '0x12']],
    [['deposit', 'release', DEPOSIT]],
    [['deposit', 'release', '--at-block', '7']],
    [['deposit', 'release', HASH, '--at-block', '7']],
    [['deposit', 'release', DEPOSIT, '--at-block', '-1']],
    [['deposit', 'release', DEPOSIT, '--at-block', '1e3']],
    [['deposit', 'release', DEPOSIT, '--at-block', '0x7']],
    [['deposit', 'release', DEPOSIT, '--at-block', '9007199254740992']],
    [['deposit', 'release', DEPOSIT, '--at-block', 'latest']],
    [['deposit', 'release', DEPOSIT, '--at-block', '7', '--reason', ' ']],
    [['session']],
    [['session', 'list', '--account', '0x12']],
    [['session', 'list', '--limit', '201']],
    [['session', 'list', '--cursor', 'x']],
    [['session', 'end']],
    [['session', 'end', '']],
    [['session', 'end', '..']],
    [['session', 'end', 'two words']],
    [['session', 'end', 'x'.repeat(129)]],
    [['webhooks', 'list', '--failed', '--pending']],
    [['webhooks', 'redeliver']],
    [['webhooks', 'redeliver', '0']],
    [['webhooks', 'redeliver', 'evt_']],
    [['webhooks', 'redeliver', '1e3']],
    [['webhooks', 'redeliver', '9223372036854775808']],
    [['webhooks', 'redeliver', '1', '--since', '0']],
    [['webhooks', 'redeliver', '1', '--until', '0']],
    [['webhooks', 'redeliver', '--until', '2026-01-01T00:00:00Z']],
    [['webhooks', 'redeliver', '--since', 'yesterday']],
    [['webhooks', 'redeliver', '--since', '2026-01-01T00:00:00']],
    [['webhooks', 'redeliver', '--since', '2', '--until', '2']],
    [['adjust', WALLET, '60', '--key', 'k']],
    [['adjust', WALLET, '60', '--reason', 'r']],
    [['adjust', WALLET, '60', '--reason', '', '--key', 'k']],
    [['adjust', WALLET, '60', '--reason', 'r', '--key', 'two words']],
  ])('%j ends with 64 and says why', async (args) => {
    const { code, out, err } = await credits(args)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).not.toBe('')
  })

  test.each([
    [['--help']],
    [['verify', '--help']],
    [['account', 'show', '--help']],
    [['deposit', 'show', '--help']],
    [['deposit', 'list', '--help']],
    [['session', 'list', '--help']],
    [['session', 'end', '--help']],
    [['webhooks', 'list', '--help']],
    [['webhooks', 'redeliver', '--help']],
    [['adjust', '--help']],
    [['migrate', '--help']],
    [['rescan', '--help']],
    [['deposit', 'submit', '--help']],
    [['deposit', 'release', '--help']],
  ])('%j prints help with an example and ends with 0', async (args) => {
    const { code, out } = await credits(args)
    expect(code).toBe(0)
    expect(out).toMatch(/Usage: credits[\s\S]*Examples?:\n {2}\$ /)
  })
})

describe('settings', () => {
  test('a DATABASE_URL that is none ends with 78 and is not printed', async () => {
    const { code, out, err } = await credits(['verify'], { DATABASE_URL: 'mysql://user:hunter2@host/db' })
    expect({ code, out }).toEqual({ code: 78, out: '' })
    expect(err).toContain('DATABASE_URL')
    expect(err).not.toContain('hunter2')
  })

  test('a database that cannot be reached ends with 1 and one sentence without the password', async () => {
    const { code, err } = await credits(['verify'], {
      DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/db',
    })
    expect(code).toBe(1)
    expect(err).toMatch(/ECONNREFUSED/)
    expect(err).not.toContain('hunter2')
  })

  test('a database without a ledger ends with 1 and names the remedy, which works', async () => {
    const empty = await createTestDatabase()
    try {
      await empty.sql`drop schema credits cascade`
      const env = { DATABASE_URL: empty.url }
      expect(await credits(['verify'], env)).toMatchObject({
        code: 1,
        err: expect.stringContaining('credits -- migrate'),
      })
      expect(await credits(['migrate'], env)).toEqual({
        code: 0,
        out: 'The database is up to date.',
        err: '',
      })
      expect(await credits(['migrate'], env)).toMatchObject({ code: 0 })
      expect(await credits(['verify'], env)).toMatchObject({ code: 0 })
    } finally {
      await empty.drop()
    }
  })
})

describe('with the embedded PostgreSQL', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'credits-cli-'))
    // Run as root, PostgreSQL runs as somebody else, who must get in; else its data would go elsewhere and stay.
    await chmod(folder, 0o755)
  })
  afterAll(() => removeFolder(folder))

  test('a DATA_DIR without a database is refused with 78: an empty one would prove nothing', async () => {
    const env = { DATA_DIR: join(folder, 'mistyped') }
    expect(await credits(['verify'], env)).toMatchObject({
      code: 78,
      err: expect.stringContaining('mistyped'),
    })
  })

  test('it is started for the time of a command, and used as it is beside a running service', async () => {
    const dataDir = join(folder, 'data')
    const env = { DATA_DIR: dataDir }
    expect(await credits(['migrate'], env)).toMatchObject({ code: 0 })
    expect(await findEmbeddedPostgres(dataDir)).toBeNull()
    const adjust = ['adjust', WALLET, '5', '--reason', 'test', '--key', 'k']
    expect(await credits(adjust, env)).toMatchObject({ code: 0 })
    expect(await findEmbeddedPostgres(dataDir)).toBeNull()
    const service = await startEmbeddedPostgres({ dataDir })
    try {
      const { out } = await credits(['account', 'show', WALLET], env)
      expect(out).toContain('balance 5 minutes')
      expect(await findEmbeddedPostgres(dataDir)).toBe(service.url)
    } finally {
      await service.stop()
    }
  })
})

// The real process once: .env, exit code, and the streams.
test('npm run credits reads .env, prints the answer on stdout and ends with its code', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'credits-env-'))
  await chmod(folder, 0o755)
  // The other one holds rows that tests wrote, and verify names them.
  const fresh = await createTestDatabase()
  try {
    await writeFile(join(folder, '.env'), `DATABASE_URL=${fresh.url}\n`)
    const run = await runProcess(['verify', '--json'], folder, {})
    expect(run.code).toBe(0)
    expect(JSON.parse(run.out)).toMatchObject({ ok: true, differences: [] })
    expect(run.err).toBe('')
    // The environment goes before the file.
    const wrong = await runProcess(['verify'], folder, { DATABASE_URL: 'nonsense' })
    expect(wrong).toMatchObject({ code: 78, out: '' })
  } finally {
    await fresh.drop()
    await removeFolder(folder)
  }
})

async function runProcess(args: string[], cwd: string, env: Record<string, string>) {
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const child = spawn(process.execPath, ['--import', pathToFileURL(tsx).href, main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const [code] = await once(child, 'close')
  return { code, out, err }
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { runCredits } from '../support/runCredits.ts'

// Goal: what `verify --chain` finds, and what it cannot read, decide its exit code. Method: a real chain with one credited payment
// in ETH and one in no table; what each rule names is tried in verifyChain.test.ts.

const HALF_MILLI_ETHER = 5n * 10n ** 14n

let database: TestDatabase
let chain: TestChain
let settings: ServiceSettings
/** The block of the payment that is in no table. */
let unrecorded: bigint
let unrecordedId: string
let creditedId: string

beforeAll(async () => {
  database = await createTestDatabase()
  chain = await createChain()
  settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: await chain.deployTokens() },
  })
  const { buyer, other } = chain.accounts
  const credited = await chain.mineWith(chain.transferEth({ from: buyer, value: HALF_MILLI_ETHER }))
  creditedId = `${chain.chainId}-${credited.hashes[0]}-eth-${buyer}`
  const missed = await chain.mineWith(chain.transferEth({ from: other, value: HALF_MILLI_ETHER }))
  unrecorded = missed.number
  unrecordedId = `${chain.chainId}-${missed.hashes[0]}-eth-${other}`
  // Until the chain calls both final: of newer blocks the gate itself hears that they were replaced.
  await chain.mine(80)
  const submitted = await credits(['deposit', 'submit', credited.hashes[0] ?? '0x'])
  expect(submitted).toMatchObject({ code: 0 })
}, 60_000)
afterAll(async () => {
  await chain?.stop()
  await database?.drop()
})

const credits = (args: string[], change: Record<string, string> = {}) =>
  runCredits(args, { ...settings, ...change })

const verify = (...options: string[]) => credits(['verify', ...options])
const around = (from: bigint, to: bigint) => `${chain.chainId}:${from}-${to}`
/** By settings that do not sell for ETH, what the credit in ETH is worth cannot be told. */
const withoutEth = () => ({ RAILS: `usdc:${chain.chainId}` })

describe('verify --chain', () => {
  test('ends with 0 and says how many payments it proved', async () => {
    const text = await verify('--chain')
    expect(text).toMatchObject({ code: 0, err: '' })
    expect(text.out).toMatch(/^In order: .*\b1 payments on chain \d+ checked\.$/)

    const { code, out } = await verify('--chain', '--strict', '--json')
    expect(code).toBe(0)
    const answer = JSON.parse(out)
    expect(answer).toMatchObject({
      ok: true,
      differences: [],
      checked: { deposits: '1', [`payments on chain ${chain.chainId}`]: '1' },
    })
    expect(answer).not.toHaveProperty('unread')
  })

  test('ends with 1 for a payment that is in no table, in blocks that it is told to search', async () => {
    const beside = around(unrecorded + 1n, unrecorded + 3n)
    expect(await verify('--chain', '--search', beside)).toMatchObject({ code: 0 })

    const { code, out } = await verify(
      '--chain',
      '--search',
      beside,
      '--search',
      `${chain.chainId}:${unrecorded}`,
    )
    expect(code).toBe(1)
    expect(out).toContain(`payment-is-not-recorded: deposit ${unrecordedId}: `)
    expect(out).toMatch(/^1 difference: /m)

    const json = await verify('--chain', '--json', '--search', around(unrecorded, unrecorded))
    expect(json.code).toBe(1)
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      differences: [{ rule: 'payment-is-not-recorded', subject: `deposit ${unrecordedId}` }],
    })
  })

  test('ends with 1 for a recorded payment that its chain shows otherwise, which verify alone cannot see', async () => {
    const setBlock = async (number: string, hash: string) =>
      database.sql.begin(async (tx) => {
        await tx`set local session_replication_role = replica`
        await tx`update credits.deposit set block_number = ${number}, block_hash = ${hash} where id = ${creditedId}`
        await tx`
          update credits.deposit_credit set block_number = ${number}, block_hash = ${hash} where deposit_id = ${creditedId}`
      })
    const [row] = await database.sql<{ number: string; hash: string }[]>`
      select block_number::text as number, block_hash as hash from credits.deposit where id = ${creditedId}`
    if (row === undefined) throw new Error('nothing was credited')
    await setBlock('1', `0x${'e'.repeat(64)}`)
    try {
      expect(await verify()).toMatchObject({ code: 0 })
      expect(await verify('--chain')).toMatchObject({
        code: 1,
        out: expect.stringContaining(`credit-is-in-no-block: deposit ${creditedId}: `),
      })
    } finally {
      await setBlock(row.number, row.hash)
    }
  })

  test('tells what it could not prove, ends with 0 for it, and with 1 when it is strict', async () => {
    const lenient = await credits(['verify', '--chain'], withoutEth())
    expect(lenient.code).toBe(0)
    expect(lenient.out).toContain(`not proven: deposit ${creditedId}: `)
    expect(lenient.out).toMatch(/^In order: .* checked, \d+ points not proven\.$/m)

    expect(await credits(['verify', '--chain', '--strict'], withoutEth())).toMatchObject({
      code: 1,
      out: lenient.out,
    })
    const json = await credits(['verify', '--chain', '--strict', '--json'], withoutEth())
    expect(json.code).toBe(1)
    const answer = JSON.parse(json.out)
    expect(answer).toMatchObject({ ok: true, differences: [] })
    expect(answer.unread.first).toContainEqual({ subject: `deposit ${creditedId}`, why: expect.any(String) })
    expect(answer.unread.count).toBe(answer.unread.first.length)
  })

  test('ends with 78 where a setting of the service is missing, though verify alone needs none of them', async () => {
    const change = { REVENUE_WALLET: '' }
    expect(await credits(['verify'], change)).toMatchObject({ code: 0 })
    const { code, out, err } = await credits(['verify', '--chain'], change)
    expect({ code, out }).toEqual({ code: 78, out: '' })
    expect(err).toContain('REVENUE_WALLET')
  })

  test('says that it proved nothing of a chain that cannot be asked, without the URL; strict, it ends with 1', async () => {
    const away = { [`RPC_URL_${chain.chainId}`]: 'http://127.0.0.1:1/secret-path-key' }
    const { code, out } = await credits(['verify', '--chain', '--strict'], away)
    expect(code).toBe(1)
    expect(out).toContain(`not proven: chain ${chain.chainId}: its head cannot be read: `)
    expect(out).not.toContain('secret-path-key')
    expect(out).not.toContain('payments on chain')
    expect(await credits(['verify', '--chain'], away)).toMatchObject({ code: 0 })
  })
})

describe('a command line of verify', () => {
  test.each([[['--strict']], [['--search', '1:5']], [['--search', '1:5', '--strict', '--json']]])(
    'with %j and without --chain ends with 64',
    async (options) => {
      expect(await verify(...options)).toEqual({
        code: 64,
        out: '',
        err: '--search and --strict go with --chain.',
      })
    },
  )

  test('that searches a chain which is not configured ends with 64 before anything is printed', async () => {
    expect(await verify('--chain', '--json', '--search', '5:1-2')).toEqual({
      code: 64,
      out: '',
      err: 'Chain 5 is not configured (RAILS).',
    })
  })

  test.each([
    '',
    '1',
    ':5',
    '1:',
    '1:a',
    '0:5',
    '1:-5',
    '1:5-',
    '1:6-5',
    '1:5-6-7',
    '1:0x5',
    '1 5',
    `1:${'9'.repeat(16)}`,
  ])('with a range like %j ends with 64', async (range) => {
    const { code, out, err } = await verify('--chain', '--search', range)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).toContain('--search')
  })

  test('that asks for help is told of every option, and of the exit codes', async () => {
    const { code, out } = await verify('--help')
    expect(code).toBe(0)
    for (const option of ['--chain', '--search <chainId:from[-to]>', '--strict', '--json']) {
      expect(out).toContain(option)
    }
    expect(out.replace(/\s+/g, ' ')).toContain(
      'Exit code 0 when all is in order, 1 when something differs: each difference is named.',
    )
  })
})

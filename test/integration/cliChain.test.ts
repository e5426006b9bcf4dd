import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdDeposits } from '../../billing/deposits/changeDeposits.ts'
import { selectByTransaction } from '../../billing/deposits/selectDeposits.ts'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { runCredits } from '../support/runCredits.ts'

// The commands that ask a chain, on a real one and without any service: what they record and credit is the gate's code.

const ETHER = 10n ** 18n

let database: TestDatabase
let chain: TestChain
let usdc: TestToken
let axgt: TestToken
let settings: ServiceSettings
beforeAll(async () => {
  database = await createTestDatabase()
  chain = await createChain()
  const tokens = await chain.deployTokens()
  usdc = tokens.usdc
  axgt = tokens.axgt
  settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: tokens },
  })
})
afterAll(async () => {
  await chain?.stop()
  await database.drop()
})

const credits = (args: string[], change: Record<string, string> = {}) =>
  runCredits(args, { ...settings, ...change })

const payEth = () => chain.mineWith(chain.transferEth({ from: chain.accounts.buyer, value: ETHER / 2000n }))

test('deposit submit shows a payment as pending at 5 confirmations and credits it once at 6', async () => {
  const { hashes } = await payEth()
  const hash = hashes[0] ?? '0x'
  await chain.mine(4)
  const pending = await credits(['deposit', 'submit', hash, '--json'])
  expect(pending.code).toBe(0)
  expect(JSON.parse(pending.out)).toMatchObject({
    outcome: 'pending',
    deposits: [{ state: 'pending', creditMicros: null }],
  })
  await chain.mine(1)
  for (let n = 0; n < 2; n++) {
    const settled = await credits(['deposit', 'submit', hash, '--chain', String(chain.chainId), '--json'])
    expect(settled.code).toBe(0)
    expect(JSON.parse(settled.out)).toMatchObject({
      outcome: 'settled',
      deposits: [{ state: 'credited', payer: chain.accounts.buyer, creditMinutes: '60' }],
    })
  }
  const account = await credits(['account', 'show', chain.accounts.buyer])
  expect(account.out).toContain('balance 60 minutes')
  const shown = await credits(['deposit', 'show', hash, '--json'])
  expect(JSON.parse(shown.out)).toMatchObject([
    { state: 'credited', credits: [{ attempt: 1, minutes: '60', quote: { rail: `eth:${chain.chainId}` } }] },
  ])
  expect(await credits(['verify'])).toMatchObject({ code: 0 })
})

test('deposit submit ends with 1 for a hash nobody knows, and for a payment to somebody else', async () => {
  expect(await credits(['deposit', 'submit', `0x${'9'.repeat(64)}`])).toMatchObject({
    code: 1,
    err: 'No configured chain knows this transaction.',
  })
  const { buyer, other } = chain.accounts
  const { hashes } = await chain.mineWith(chain.transferEth({ from: buyer, to: other, value: 1n }))
  const elsewhere = await credits(['deposit', 'submit', hashes[0] ?? '0x'])
  expect(elsewhere).toMatchObject({ code: 1, out: expect.stringContaining('no_qualifying_transfer') })
})

test('deposit submit ends with 64 for a chain that is not configured', async () => {
  expect(await credits(['deposit', 'submit', `0x${'9'.repeat(64)}`, '--chain', '5'])).toMatchObject({
    code: 64,
  })
})

test('deposit release credits a held deposit once, by the AXGT that its payer had at the block that is given', async () => {
  const { hashes, number } = await payEth()
  const later = await chain.mineWith(chain.mintToken(axgt, chain.accounts.buyer, 100n * ETHER))
  await credits(['deposit', 'submit', hashes[0] ?? '0x'])
  const id = `${chain.chainId}-${hashes[0]}-eth-${chain.accounts.buyer}`
  const holds = (await selectByTransaction(database.sql, hashes[0] ?? '0x')).map((deposit) => {
    return { kind: 'hold' as const, deposit, reason: 'state_unavailable' as const, detail: 'no RPC has it' }
  })
  await holdDeposits(database.sql, holds, new Date())
  const release = (...options: string[]) => credits(['deposit', 'release', id, ...options])

  const early = await release('--at-block', String(later.number))
  expect(early).toMatchObject({ code: 1, out: '', err: expect.stringContaining('Give a block up to') })
  await chain.mine(5)
  const atLater = ['--at-block', String(later.number)]
  const dry = await release(...atLater, '--dry-run', '--json')
  expect(dry.code).toBe(0)
  expect(JSON.parse(dry.out)).toMatchObject({
    kind: 'would_release',
    depositId: id,
    depositBlock: String(number),
    creditMinutes: '63.157894',
    quote: { tier: { index: 1 }, asOfBlock: { number: String(later.number) } },
  })
  expect((await credits(['deposit', 'show', id])).out).toContain('held: state_unavailable')

  const released = await release(...atLater, '--reason', 'ticket 4711')
  expect(released.code).toBe(0)
  expect(released.out).toContain('63.157894 minutes are credited')
  expect(released.out).toContain(`price block  ${later.number} `)
  expect(released.out).toContain(`own block    ${number}`)
  const again = await release(...atLater)
  expect(again).toMatchObject({ code: 1, out: '', err: expect.stringContaining('It is credited already.') })
  const shown = await credits(['deposit', 'show', id, '--json'])
  expect(JSON.parse(shown.out)).toMatchObject([
    { state: 'credited', detail: null, credits: [{ attempt: 1, minutes: '63.157894' }] },
  ])
  expect(await credits(['verify'])).toMatchObject({ code: 0 })
})

test('deposit release of what is not recorded ends with 1 and says where to look', async () => {
  const id = `${chain.chainId}-0x${'9'.repeat(64)}-eth-${chain.accounts.buyer}`
  expect(await credits(['deposit', 'release', id, '--at-block', '1', '--json'])).toMatchObject({
    code: 1,
    out: expect.stringContaining('"kind": "not_found"'),
    err: expect.stringContaining('"deposit submit"'),
  })
})

test('rescan records what the indexer has not, once, and leaves the crediting to the gate', async () => {
  await chain.mineWith(chain.mintToken(usdc, chain.accounts.other, 10_000_000n))
  const ether = await payEth()
  const token = await chain.mineWith(
    chain.transferToken({ token: usdc, from: chain.accounts.other, amount: 1_000_000n }),
  )
  const range = ['--chain', String(chain.chainId), '--from', String(ether.number)]
  const first = await credits(['rescan', ...range, '--to', String(token.number), '--json'])
  expect(first.code).toBe(0)
  expect(JSON.parse(first.out)).toEqual({
    found: 2,
    recorded: 2,
    fromBlock: String(ether.number),
    toBlock: String(token.number),
  })
  const again = await credits(['rescan', ...range])
  expect(again).toMatchObject({
    code: 0,
    out: expect.stringContaining('2 payments, 0 of them not recorded before'),
  })
  const list = await credits(['deposit', 'list', '--state', 'pending', '--json'])
  expect(JSON.parse(list.out).items).toHaveLength(2)
})

test('rescan ends with 64 for a range without blocks and for an unknown chain', async () => {
  const onChain = ['--chain', String(chain.chainId)]
  expect(await credits(['rescan', ...onChain, '--from', '9', '--to', '8'])).toMatchObject({ code: 64 })
  expect(await credits(['rescan', '--chain', '5', '--from', '1', '--to', '2'])).toMatchObject({ code: 64 })
})

test('commands that ask a chain need all settings: every fault is told, with 78 and without secrets', async () => {
  const { code, err } = await credits(['rescan', '--chain', '1', '--from', '1', '--to', '2'], {
    REVENUE_WALLET: '',
    CONFIRMATIONS: 'six',
  })
  expect(code).toBe(78)
  expect(err).toContain('REVENUE_WALLET')
  expect(err).toContain('CONFIRMATIONS')
  expect(err).not.toContain(settings.ADMIN_API_KEY)
})

test('an RPC that is away ends with 1 and a sentence without its URL', async () => {
  const { code, err } = await credits(
    ['rescan', '--chain', String(chain.chainId), '--from', '1', '--to', '2'],
    {
      [`RPC_URL_${chain.chainId}`]: 'http://127.0.0.1:1/secret-path-key',
    },
  )
  expect(code).toBe(1)
  expect(err).not.toBe('')
  expect(err).not.toContain('secret-path-key')
})

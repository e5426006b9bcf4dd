import { type Address, concatHex, encodeFunctionData, type Hex, hashMessage, padHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { parseSiweMessage } from 'viem/siwe'
import { serializeErc6492Signature } from 'viem/utils'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Api } from '../../billing/api/appDeps.ts'
import { createApp } from '../../billing/api/createApp.ts'
import { purgeSignIns } from '../../billing/auth/challenges.ts'
import { createSignIn, type SignIn } from '../../billing/auth/createSignIn.ts'
import { readWalletToken } from '../../billing/auth/walletTokens.ts'
import { checkSignature } from '../../billing/chain/contracts/checkSignature.ts'
import { openEndpoints } from '../../billing/chain/rpc/rpcEndpoint.ts'
import { createChain, type TestChain, type TestContract } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { deploySafe, type Safe } from '../support/deploySafe.ts'
import { config, fakeDeps, serviceKey } from '../unit/api/fakeDeps.ts'
import { statusAndCode } from '../unit/api/statusAndCode.ts'

// Sign-in from end to end but for the sockets: routes, PostgreSQL, a chain with real wallets, and RPCs that may lie.

const PUBLIC_URL = 'https://credits.example'
const MAGIC: Hex = '0x1626ba7e'

let chain: TestChain
let honest: RpcProxy
let other: RpcProxy
let safe: Safe
let factory: TestContract
let database: TestDatabase
let signIn: SignIn
let app: Api

beforeAll(async () => {
  chain = await createChain()
  honest = await createRpcProxy(chain.rpcUrl)
  other = await createRpcProxy(chain.rpcUrl)
  safe = await deploySafe(chain, { owners: ['ownerA', 'ownerB', 'ownerC'], threshold: 2 })
  factory = await chain.deploy('SmartWalletFactory')
})
afterAll(async () => {
  await Promise.all([honest.stop(), other.stop()])
  await chain.stop()
})

beforeEach(async () => {
  database = await createTestDatabase()
  signIn = createSignInWith([honest.url, other.url])
  app = appWith(signIn)
  honest.resetCalls()
})
afterEach(async () => {
  await Promise.all([honest.heal(), other.heal()])
  await database.drop()
})

function createSignInWith(rpcUrls: string[], { publicUrl = PUBLIC_URL, patienceMs = 10_000 } = {}): SignIn {
  const endpoints = openEndpoints(rpcUrls, { timeoutMs: 2_000 })
  return createSignIn(database.sql, {
    publicUrl,
    checkSignature: (chainId, question) => checkSignature(endpoints, chainId, question, { patienceMs }),
  })
}

function appWith(signingIn: SignIn): Api {
  const { sql } = database
  const [first] = config.chains
  if (first === undefined) throw new Error('no chain')
  return createApp(
    fakeDeps({
      config: {
        ...config,
        publicUrl: PUBLIC_URL,
        rateLimitPerMinute: 100_000,
        chains: [
          { ...first, chainId: chain.chainId },
          { ...first, chainId: 8453 },
        ],
      },
      signIn: signingIn,
      walletTokens: { addressOf: (token) => readWalletToken(sql, token) },
    }),
  )
}

const post = (path: string, body: unknown, through = app) =>
  through.request(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })

async function challengeFor(address: Address, chainId?: number): Promise<string> {
  const answer = await post('/v1/auth/challenge', { address, ...(chainId && { chainId }) })
  expect(answer.status).toBe(200)
  const { message } = (await answer.json()) as { message: string }
  return message
}

const verify = (message: string, signature: Hex, through = app) =>
  post('/v1/auth/verify', { message, signature }, through)

async function tokenOf(answer: Response): Promise<string> {
  if (answer.status !== 200) throw new Error(`not signed in: ${await answer.text()}`)
  return ((await answer.json()) as { token: string }).token
}

const withToken = (token: string, path = '/v1/balance', method = 'GET') =>
  app.request(path, { method, headers: { Authorization: `Bearer ${token}` } })

const someone = () => privateKeyToAccount(generatePrivateKey())
const lower = (address: Address) => address.toLowerCase() as Address
const rowCount = async () => {
  const [row] = await database.sql<{ count: bigint }[]>`select count(*) from credits.sign_in_challenge`
  return Number(row?.count)
}

async function signInAs(account = someone()) {
  const message = await challengeFor(account.address)
  const token = await tokenOf(await verify(message, await account.signMessage({ message })))
  return { account, address: lower(account.address), message, token }
}

/** As many owners as it takes sign a Safe's own message, which holds the hash of ours. */
async function safeSignature(message: string, owners = safe.owners.slice(0, safe.threshold)): Promise<Hex> {
  const signatures = await Promise.all(
    owners
      .toSorted((a, b) => (chain.accounts[a] < chain.accounts[b] ? -1 : 1))
      .map((owner) =>
        chain.signer(owner).signTypedData({
          domain: { chainId: chain.chainId, verifyingContract: safe.address },
          types: { SafeMessage: [{ name: 'message', type: 'bytes' }] },
          primaryType: 'SafeMessage',
          message: { message: hashMessage(message) },
        }),
      ),
  )
  return concatHex(signatures)
}

const expired = [422, 'challenge_expired']
const invalid = [422, 'signature_invalid']
const unavailable = [503, 'chain_unavailable']

describe('the message', () => {
  test('says who signs in where, on which chain, once, until when, and that it costs nothing', async () => {
    const { address } = someone()
    const message = await challengeFor(address)
    const said = parseSiweMessage(message)
    expect(said).toMatchObject({
      domain: 'credits.example',
      uri: PUBLIC_URL,
      address,
      chainId: chain.chainId,
      version: '1',
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
      statement: expect.stringMatching(/sends no transaction and costs nothing/),
    })
    expect(Number(said.expirationTime) - Number(said.issuedAt)).toBe(300_000)
    expect(parseSiweMessage(await challengeFor(address, 8453)).chainId).toBe(8453)
    expect(parseSiweMessage(await challengeFor(address)).nonce).not.toBe(said.nonce)
  })

  test('names the domain of PUBLIC_URL, whatever host a request asks for', async () => {
    const { address } = someone()
    const answer = await app.request('http://evil.example/v1/auth/challenge', {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Host: 'evil.example',
        Origin: 'https://evil.example',
        'X-Forwarded-Host': 'evil.example',
      },
      body: JSON.stringify({ address }),
    })
    const { message } = (await answer.json()) as { message: string }
    expect(message).toMatch(/^credits\.example wants you to sign in/)
    expect(message).not.toContain('evil')
  })

  test('keeps a port, as wallets compare it', async () => {
    signIn = createSignInWith([honest.url], { publicUrl: 'http://localhost:8080' })
    const { message } = await signIn.challenge(someone().address, 1)
    expect(parseSiweMessage(message)).toMatchObject({
      domain: 'localhost:8080',
      uri: 'http://localhost:8080',
    })
  })
})

describe('a key', () => {
  test('signs in without any RPC, and its token is that wallet for twelve hours', async () => {
    await Promise.all([honest.refuseConnections(), other.refuseConnections()])
    const account = someone()
    const message = await challengeFor(account.address)
    const answer = await verify(message, await account.signMessage({ message }))
    expect(answer.status).toBe(200)
    const { token, address, expiresAt } = (await answer.json()) as Record<string, string>
    expect(address).toBe(lower(account.address))
    expect(token).toMatch(/^[\w-]{43}$/)
    const [clock] = await database.sql<{ now: Date }[]>`select clock_timestamp() as now`
    const hours = (Date.parse(expiresAt ?? '') - Number(clock?.now)) / 3_600_000
    expect(hours).toBeGreaterThan(11.99)
    expect(hours).toBeLessThanOrEqual(12)
    expect(await (await withToken(token ?? '')).json()).toMatchObject({ address })
    expect(honest.totalCalls()).toBe(0)
  })

  test('of somebody else does not sign in, and the right one still does afterwards (case 49)', async () => {
    const account = someone()
    const message = await challengeFor(account.address)
    expect(await statusAndCode(await verify(message, await someone().signMessage({ message })))).toEqual(
      invalid,
    )
    const other65 = await account.signMessage({ message: 'another text' })
    expect(await statusAndCode(await verify(message, other65))).toEqual(invalid)
    await tokenOf(await verify(message, await account.signMessage({ message })))
  })

  test.each<[string, Hex]>([
    ['none', '0x'],
    ['one byte', '0x00'],
    ['zeros', `0x${'00'.repeat(65)}`],
    ['the largest numbers', `0x${'ff'.repeat(65)}`],
    ['8 KiB', `0x${'5a'.repeat(8_192)}`],
    ['the mark of ERC-6492 alone', `0x${'6492'.repeat(16)}`],
    ['the mark of ERC-6492 after nonsense', `0x${'ab'.repeat(96)}${'6492'.repeat(16)}`],
  ])('is not forged by %s', async (_, signature) => {
    const message = await challengeFor(someone().address)
    expect(await statusAndCode(await verify(message, signature))).toEqual(invalid)
  })
})

describe('a message signs in once (case 49)', () => {
  test('then it is like one that never was', async () => {
    const { account, message } = await signInAs()
    const again = await verify(message, await account.signMessage({ message }))
    expect(await statusAndCode(again)).toEqual(expired)
  })

  test('of twenty at once, over two processes, exactly one gets a token', async () => {
    const account = someone()
    const message = await challengeFor(account.address)
    const signature = await account.signMessage({ message })
    const second = appWith(createSignInWith([honest.url, other.url]))
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => verify(message, signature, index % 2 ? app : second)),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const refused = await Promise.all(answers.filter(({ status }) => status !== 200).map(statusAndCode))
    expect(new Set(refused.map(String))).toEqual(new Set([String(expired)]))
    expect(await database.sql`select from credits.wallet_token`).toHaveLength(1)
  })

  test('not after five minutes by the clock of the database', async () => {
    const account = someone()
    const message = await challengeFor(account.address)
    await database.sql`update credits.sign_in_challenge set expires_at = clock_timestamp() - interval '1 microsecond'`
    const signature = await account.signMessage({ message })
    expect(await statusAndCode(await verify(message, signature))).toEqual(expired)
  })

  test('nor is its own expiry overruled by its row', async () => {
    const account = someone()
    const message = await challengeFor(account.address)
    const past = message.replace(/Expiration Time: .*/, 'Expiration Time: 2020-01-01T00:00:00.000Z')
    await database.sql`update credits.sign_in_challenge set message_hash = ${hashMessage(past)}`
    const signature = await account.signMessage({ message: past })
    expect(await statusAndCode(await verify(past, signature))).toEqual(expired)
  })

  test('twenty wrong signatures use it up, so nobody guesses for ever', async () => {
    const account = someone()
    const message = await challengeFor(account.address)
    const wrong = await someone().signMessage({ message })
    for (let tries = 0; tries < 20; tries++) {
      expect(await statusAndCode(await verify(message, wrong))).toEqual(invalid)
    }
    honest.resetCalls()
    expect(await statusAndCode(await verify(message, wrong))).toEqual(expired)
    expect(await statusAndCode(await verify(message, await account.signMessage({ message })))).toEqual(
      expired,
    )
    expect(honest.totalCalls()).toBe(0)
  })

  test("asking for a wallet's message and wasting it does not touch the one its owner has", async () => {
    const account = someone()
    const mine = await challengeFor(account.address)
    const theirs = await challengeFor(account.address)
    for (let tries = 0; tries < 21; tries++) await verify(theirs, '0x')
    await tokenOf(await verify(mine, await account.signMessage({ message: mine })))
  })
})

describe('a text that was not given out signs nobody in (case 49)', () => {
  const altered: [string, (message: string) => string][] = [
    ['another domain', (message) => message.replace('credits.example', 'evil.example')],
    ['another URI', (message) => message.replace(`URI: ${PUBLIC_URL}`, 'URI: https://evil.example')],
    ['another chain', (message) => message.replace(/Chain ID: \d+/, 'Chain ID: 8453')],
    ['another nonce', (message) => message.replace(/Nonce: \w+/, `Nonce: ${'0'.repeat(32)}`)],
    ['another statement', (message) => message.replace('costs nothing', 'costs everything')],
    ['a later expiry', (message) => message.replace(/(Expiration Time: )\d{4}/, '$12999')],
    ['a space more', (message) => `${message} `],
    ['a line more', (message) => `${message}\nRequest ID: 1`],
    ['lower case', (message) => message.toLowerCase()],
    ['other line ends', (message) => message.replaceAll('\n', '\r\n')],
    ['no form at all', () => 'hello'],
  ]
  test.each(altered)('%s', async (_, alter) => {
    const account = someone()
    const message = await challengeFor(account.address)
    const text = alter(message)
    expect(text).not.toBe(message)
    expect(await statusAndCode(await verify(text, await account.signMessage({ message: text })))).toEqual(
      expired,
    )
    // What was given out is as good as before.
    await tokenOf(await verify(message, await account.signMessage({ message })))
  })

  test("somebody else's address in it", async () => {
    const [victim, attacker] = [someone(), someone()]
    const message = await challengeFor(attacker.address)
    const text = message.replace(attacker.address, victim.address)
    expect(await statusAndCode(await verify(text, await attacker.signMessage({ message: text })))).toEqual(
      expired,
    )
  })

  test('one that a process with another PUBLIC_URL has given out', async () => {
    const elsewhere = createSignInWith([honest.url], { publicUrl: 'https://evil.example' })
    const account = someone()
    const { message } = await elsewhere.challenge(lower(account.address), chain.chainId)
    expect(await statusAndCode(await verify(message, await account.signMessage({ message })))).toEqual(
      expired,
    )
  })

  test('one whose row says another chain or address than it does', async () => {
    const account = someone()
    const message = await challengeFor(account.address)
    const signature = await account.signMessage({ message })
    await database.sql`update credits.sign_in_challenge set chain_id = 8453`
    expect(await statusAndCode(await verify(message, signature))).toEqual(expired)
    await database.sql`update credits.sign_in_challenge set chain_id = ${chain.chainId}, address = ${safe.address}`
    expect(await statusAndCode(await verify(message, signature))).toEqual(expired)
  })
})

describe('a Safe (ERC-1271)', () => {
  test('signs in with as many owners as it takes, at the cost of one eth_call to each RPC', async () => {
    const message = await challengeFor(safe.address)
    const answer = await verify(message, await safeSignature(message))
    expect(await answer.json()).toMatchObject({ address: safe.address })
    expect(honest.calls.get('eth_call')).toBe(1)
  })

  test('does not with fewer, with a stranger, or with its owner signing for himself', async () => {
    const message = await challengeFor(safe.address)
    const wrong: Hex[] = [
      await safeSignature(message, ['ownerA']),
      await safeSignature(message, ['ownerA', 'attacker']),
      await chain.signer('ownerA').signMessage({ message }),
      '0x',
    ]
    honest.resetCalls()
    for (const signature of wrong) {
      expect(await statusAndCode(await verify(message, signature))).toEqual(invalid)
    }
    // A revert is an answer: it is not asked for again.
    expect(honest.calls.get('eth_call')).toBe(wrong.length)
  })

  test('does not on a chain where it is not', async () => {
    const message = await challengeFor(safe.address, 8453)
    // The RPCs of the test answer for the other chain: none speaks for 8453.
    expect(await statusAndCode(await verify(message, await safeSignature(message)))).toEqual(unavailable)
  })
})

describe('a wallet that is not deployed yet (ERC-6492)', () => {
  const owner = someone()
  let address: Address
  beforeAll(async () => {
    address = lower(
      (await chain.read({ contract: factory, functionName: 'addressOf', args: [owner.address] })) as Address,
    )
  })

  const wrapped = (signature: Hex, by: Address = owner.address): Hex =>
    serializeErc6492Signature({
      address: factory.address,
      data: encodeFunctionData({ abi: factory.abi, functionName: 'deploy', args: [by] }),
      signature,
    })

  test('signs in with its factory told, and is not deployed by it', async () => {
    const message = await challengeFor(address)
    const answer = await verify(message, wrapped(await owner.signMessage({ message })))
    expect(await answer.json()).toMatchObject({ address })
    expect(await chain.client.getCode({ address })).toBeUndefined()
  })

  test('does not without its factory, nor with the key of another, nor by deploying another wallet', async () => {
    const message = await challengeFor(address)
    const attacker = someone()
    const theirs = await attacker.signMessage({ message })
    for (const signature of [
      await owner.signMessage({ message }),
      wrapped(theirs),
      wrapped(theirs, attacker.address),
      serializeErc6492Signature({ address: chain.accounts.other, data: '0x', signature: theirs }),
    ]) {
      expect(await statusAndCode(await verify(message, signature))).toEqual(invalid)
    }
  })

  test('signs in wrapped and plain once it is deployed', async () => {
    const late = someone()
    const wallet = (await chain.read({
      contract: factory,
      functionName: 'addressOf',
      args: [late.address],
    })) as Address
    await chain.mineWith(chain.call({ contract: factory, functionName: 'deploy', args: [late.address] }))
    for (const wrap of [
      (signature: Hex) => signature,
      (signature: Hex) => wrapped(signature, late.address),
    ]) {
      const message = await challengeFor(wallet)
      const answer = await verify(message, wrap(await late.signMessage({ message })))
      expect(await answer.json()).toMatchObject({ address: lower(wallet) })
    }
  })
})

describe('a contract of any kind speaks for itself only', () => {
  const odd = async (answer: Hex) => (await chain.deploy('OddSigner', [answer])).address

  test('one that approves anything signs in as itself and as nobody else (case 49)', async () => {
    const willing = await odd(padHex(MAGIC, { dir: 'right', size: 32 }))
    const message = await challengeFor(willing)
    expect(await (await verify(message, '0x')).json()).toMatchObject({ address: willing })

    const victim = lower(someone().address)
    const call = serializeErc6492Signature({ address: willing, data: '0x12345678', signature: '0x' })
    for (const target of [victim, safe.address]) {
      const theirs = await challengeFor(target)
      expect(await statusAndCode(await verify(theirs, call))).toEqual(invalid)
      expect(await statusAndCode(await verify(theirs, willing))).toEqual(invalid)
    }
  })

  test.each<[string, Hex]>([
    ['the four bytes without their padding', MAGIC],
    ['true', padHex('0x01', { size: 32 })],
    ['the four bytes at the wrong end', padHex(MAGIC, { size: 32 })],
    ['all bits', `0x${'ff'.repeat(32)}`],
    ['more than a word', `${padHex(MAGIC, { dir: 'right', size: 32 })}00`],
  ])('%s is not a yes', async (_, answer) => {
    const message = await challengeFor(await odd(answer))
    expect(await statusAndCode(await verify(message, '0x1234'))).toEqual(invalid)
  })

  test('one that never comes to an end is cut off', async () => {
    const message = await challengeFor(await odd('0x'))
    const startedAt = performance.now()
    expect(await statusAndCode(await verify(message, '0x1234'))).toEqual(invalid)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  test.each([1, 2, 4, 9])('the precompile %i, which may echo what it is asked, is nobody', async (number) => {
    const message = await challengeFor(padHex(`0x${number}`, { size: 20 }))
    expect(await statusAndCode(await verify(message, '0x'))).toEqual(invalid)
  })
})

describe('RPCs', () => {
  const yes = padHex(MAGIC, { dir: 'right', size: 32 })

  test('one that lies signs nobody in: they must agree', async () => {
    other.say('eth_call', yes)
    const message = await challengeFor(safe.address)
    expect(await statusAndCode(await verify(message, '0x'))).toEqual(unavailable)
    expect(await statusAndCode(await verify(message, await someone().signMessage({ message })))).toEqual(
      unavailable,
    )
    // Nobody signs in by the liar's word, and the message is still good.
    await other.heal()
    await tokenOf(await verify(message, await safeSignature(message)))
  })

  test('nor by failing to say no', async () => {
    other.say('eth_call', yes)
    honest.failWith('eth_call', { code: -32_603, message: 'internal error' })
    const message = await challengeFor(safe.address)
    expect(await statusAndCode(await verify(message, '0x'))).toEqual(unavailable)
  })

  test('an outage is not a wrong signature: 503, told to come again, and then it works', async () => {
    await Promise.all([honest.refuseConnections(), other.refuseConnections()])
    const message = await challengeFor(safe.address)
    const signature = await safeSignature(message)
    const answer = await verify(message, signature)
    expect(answer.headers.get('Retry-After')).toBe('5')
    expect(await statusAndCode(answer)).toEqual(unavailable)
    await Promise.all([honest.heal(), other.heal()])
    await tokenOf(await verify(message, signature))
  })

  test.each<[string, (rpc: RpcProxy) => void]>([
    ['HTML', (rpc) => rpc.htmlWith200('eth_call')],
    ['429', (rpc) => rpc.respond429('eth_call')],
    ['null', (rpc) => rpc.say('eth_call', null)],
    ['a limit of its own', (rpc) => rpc.failWith('eth_call', { code: -32_005, message: 'limit exceeded' })],
    ['another chain', (rpc) => rpc.wrongChainId(5)],
  ])('%s from both is not a wrong signature either', async (_, spoil) => {
    for (const rpc of [honest, other]) spoil(rpc)
    const message = await challengeFor(safe.address)
    expect(await statusAndCode(await verify(message, await safeSignature(message)))).toEqual(unavailable)
  })

  test('that hang keep nobody waiting for longer than told', async () => {
    app = appWith(createSignInWith([honest.url, other.url], { patienceMs: 300 }))
    honest.hangAfterHeaders('eth_call')
    const message = await challengeFor(safe.address)
    const startedAt = performance.now()
    expect(await statusAndCode(await verify(message, '0x1234'))).toEqual(unavailable)
    expect(performance.now() - startedAt).toBeLessThan(1_500)
  })

  test('a lone one is believed', async () => {
    app = appWith(createSignInWith([honest.url]))
    const message = await challengeFor(safe.address)
    await tokenOf(await verify(message, await safeSignature(message)))
  })

  test('many who wait for a chain are told so, and keys still sign in meanwhile', async () => {
    app = appWith(createSignInWith([honest.url, other.url], { patienceMs: 2_000 }))
    honest.hangAfterHeaders('eth_call')
    const messages = await Promise.all(Array.from({ length: 8 }, () => challengeFor(safe.address)))
    const waiting = messages.flatMap((message) => Array.from({ length: 10 }, () => verify(message, '0x1234')))
    const answers = await Promise.race(waiting.map(async (answer) => [await statusAndCode(await answer)]))
    expect(answers).toEqual([[503, 'overloaded']])
    await signInAs()
    await honest.heal()
    await Promise.all(waiting)
  })
})

describe('a token', () => {
  test("is its wallet's only: not another's data, not the service's routes, and no key is a wallet (case 48)", async () => {
    const [alice, bob] = [await signInAs(), await signInAs()]
    for (const path of ['/v1/balance', '/v1/deposits', '/v1/ledger', '/v1/sessions']) {
      expect((await withToken(alice.token, path)).status).toBe(200)
      expect(await statusAndCode(await withToken(serviceKey, path))).toEqual([403, 'forbidden'])
    }
    expect(await (await withToken(bob.token)).json()).toMatchObject({ address: bob.address })
    for (const address of [alice.address, bob.address, lower(someone().address)]) {
      const answer = await withToken(alice.token, `/v1/accounts/${address}/balance`)
      expect(await statusAndCode(answer)).toEqual([403, 'forbidden'])
    }
    expect(await statusAndCode(await withToken(alice.token, '/v1/admin/deposits'))).toEqual([
      403,
      'forbidden',
    ])
  })

  test('ends by the clock of the database', async () => {
    const { token } = await signInAs()
    await database.sql`update credits.wallet_token set expires_at = clock_timestamp()`
    expect(await statusAndCode(await withToken(token))).toEqual([401, 'unauthorized'])
  })

  test('ends at once when signed out of, it alone, and a second time is 401', async () => {
    const account = someone()
    const [phone, desk] = [await signInAs(account), await signInAs(account)]
    expect((await withToken(phone.token, '/v1/auth/logout', 'POST')).status).toBe(204)
    expect(await statusAndCode(await withToken(phone.token))).toEqual([401, 'unauthorized'])
    expect(await statusAndCode(await withToken(phone.token, '/v1/auth/logout', 'POST'))).toEqual([
      401,
      'unauthorized',
    ])
    expect((await withToken(desk.token)).status).toBe(200)
  })

  test('is one of ten of its wallet: an eleventh ends the oldest, and nobody else is touched', async () => {
    const account = someone()
    const bystander = await signInAs()
    const tokens: string[] = []
    for (let device = 0; device < 11; device++) tokens.push((await signInAs(account)).token)
    const statuses = await Promise.all(tokens.map(async (token) => (await withToken(token)).status))
    expect(statuses).toEqual([401, ...Array<number>(10).fill(200)])
    expect((await withToken(bystander.token)).status).toBe(200)
  })

  test('is nowhere in the database, nor is any message', async () => {
    const { token } = await signInAs()
    const pending = await challengeFor(someone().address)
    const rows = [
      await database.sql`select to_json(wallet_token) from credits.wallet_token`,
      await database.sql`select to_json(sign_in_challenge) from credits.sign_in_challenge`,
    ]
    expect(rows.map(({ length }) => length)).toEqual([1, 1])
    expect(JSON.stringify(rows)).not.toContain(token)
    expect(JSON.stringify(rows)).not.toContain(parseSiweMessage(pending).nonce)
  })
})

test('what has expired is purged, and nothing else', async () => {
  const old = await signInAs()
  await challengeFor(someone().address)
  await database.sql`update credits.sign_in_challenge set expires_at = clock_timestamp()`
  await database.sql`update credits.wallet_token set expires_at = clock_timestamp()`
  const fresh = await signInAs()
  await challengeFor(someone().address)
  expect(await rowCount()).toBe(2)
  await purgeSignIns(database.sql)
  expect(await rowCount()).toBe(1)
  expect(await database.sql`select from credits.wallet_token`).toHaveLength(1)
  expect((await withToken(fresh.token)).status).toBe(200)
  expect((await withToken(old.token)).status).toBe(401)
})

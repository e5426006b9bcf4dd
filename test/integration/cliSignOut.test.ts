import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSignIn, type SignIn } from '../../billing/auth/createSignIn.ts'
import { readWalletToken } from '../../billing/auth/walletTokens.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { runCredits } from '../support/runCredits.ts'

// The operator signs people out, with nothing but DATABASE_URL. The wallets are contracts: the chain says yes to all.

const ALICE = `0x${'a1'.repeat(20)}` as const
const BOB = `0x${'b2'.repeat(20)}` as const

let database: TestDatabase
let signIn: SignIn
beforeEach(async () => {
  database = await createTestDatabase()
  signIn = createSignIn(database.sql, {
    publicUrl: 'https://credits.example',
    checkSignature: async () => ({ kind: 'agreed', value: true }),
  })
})
afterEach(() => database.drop())

async function signOut(...args: string[]) {
  const { code, out } = await runCredits(['sign-out', ...args], { DATABASE_URL: database.url })
  return { code, out }
}

async function signInAs(address: typeof ALICE | typeof BOB): Promise<string> {
  const { message } = await signIn.challenge(address, 1)
  const result = await signIn.verify({ message, signature: '0x' })
  if (result.kind !== 'signed_in') throw new Error(result.kind)
  return result.signedIn.token
}

const whose = (token: string) => readWalletToken(database.sql, token)

test('a wallet is signed out on all its devices, together with what it was about to sign, and nobody else', async () => {
  const [phone, desk, bob] = [await signInAs(ALICE), await signInAs(ALICE), await signInAs(BOB)]
  const { message } = await signIn.challenge(ALICE, 1)
  expect(await signOut(ALICE)).toEqual({ code: 0, out: 'Signed out: 2 tokens ended.' })
  expect(await Promise.all([phone, desk, bob].map(whose))).toEqual([null, null, BOB])
  expect(await signIn.verify({ message, signature: '0x' })).toEqual({ kind: 'challenge_expired' })
  expect(await signOut(ALICE, '--json')).toEqual({ code: 0, out: '{\n  "ended": 0\n}' })
  expect(await whose(await signInAs(ALICE))).toBe(ALICE)
})

test('--all signs everybody out; a token that had expired is not counted', async () => {
  const tokens = [await signInAs(ALICE), await signInAs(BOB)]
  await database.sql`update credits.wallet_token set expires_at = clock_timestamp() where address = ${BOB}`
  expect(await signOut('--all')).toEqual({ code: 0, out: 'Signed out: 1 token ended.' })
  expect(await Promise.all(tokens.map(whose))).toEqual([null, null])
})

test.each([[[]], [[ALICE, '--all']], [['0x1']]])('%j makes no sense and signs nobody out', async (args) => {
  const token = await signInAs(ALICE)
  expect((await signOut(...args)).code).toBe(64)
  expect(await whose(token)).toBe(ALICE)
})

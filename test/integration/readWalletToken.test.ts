import { afterAll, beforeAll, expect, test } from 'vitest'
import { readWalletToken, walletTokenHash } from '../../billing/auth/walletTokens.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'

const WALLET = `0x${'a1'.repeat(20)}`

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  await keep('stored', '1 minute')
})
afterAll(() => database.drop())

const keep = (token: string, lasts: string) => database.sql`
  insert into credits.wallet_token (token_hash, address, expires_at)
  values (${walletTokenHash(token)}, ${WALLET}, clock_timestamp() + ${lasts}::interval)`

test('a token is the wallet it was given to, until it expires by the clock of the database', async () => {
  await keep('good', '1 minute')
  await keep('expired', '-1 microsecond')
  expect(await readWalletToken(database.sql, 'good')).toBe(WALLET)
  expect(await readWalletToken(database.sql, 'expired')).toBeNull()
})

test.each(['', 'Stored', 'stored ', 'never given', walletTokenHash('stored'), "' or true --"])(
  'the token %j is nobody',
  async (token) => {
    expect(await readWalletToken(database.sql, token)).toBeNull()
  },
)

test('the database holds no token, only its SHA-256', async () => {
  await keep('secret', '1 minute')
  const rows = await database.sql`select * from credits.wallet_token`
  expect(JSON.stringify(rows)).not.toContain('secret')
  expect(walletTokenHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

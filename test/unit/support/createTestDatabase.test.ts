import { expect, it } from 'vitest'
import { createTestDatabase } from '../../support/createTestDatabase.ts'

it('gives each caller a migrated database of its own', async () => {
  const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()])
  const address = `0x${'ab'.repeat(20)}`
  await one.sql`insert into credits.account (address) values (${address})`
  expect(await one.sql`select balance_micros from credits.account`).toEqual([{ balance_micros: 0n }])
  expect(await other.sql`select from credits.account`).toHaveLength(0)
  await Promise.all([one.drop(), other.drop()])
})

it('drops a database that others are still connected to', async () => {
  const { url, sql, drop } = await createTestDatabase()
  const name = new URL(url).pathname.slice(1)
  await sql`select 1`
  await drop()
  const witness = await createTestDatabase()
  expect(await witness.sql`select from pg_database where datname = ${name}`).toHaveLength(0)
  await witness.drop()
})

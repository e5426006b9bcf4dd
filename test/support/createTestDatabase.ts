import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { expect, inject } from 'vitest'
import { connect, type Sql } from '../../billing/database/connect.ts'

export interface TestDatabase {
  url: string
  sql: Sql
  /** Closes `sql` and drops the database, whoever else is still connected. Idempotent. */
  drop(): Promise<void>
}

/** `KEEP_TEST_DATABASE=1` prints each database's URL and drops none before the run's PostgreSQL stops. */
const isKept = process.env.KEEP_TEST_DATABASE === '1'

/** A fresh, migrated, empty database of the run's PostgreSQL. Costs a copy of the template: some 50 ms. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await asAdmin(
    (admin) => admin`create database ${admin(name)} template ${admin(inject('templateDatabase'))}`,
  )
  const at = new URL(inject('adminDatabaseUrl'))
  at.pathname = `/${name}`
  if (isKept) console.log(`${expect.getState().currentTestName ?? 'before the tests'}: ${at.href}`)
  const sql = connect(at.href, { applicationName: 'test' })
  return {
    url: at.href,
    sql,
    async drop() {
      await sql.end({ timeout: 1 })
      if (isKept) return
      await asAdmin((admin) => admin`drop database if exists ${admin(name)} with (force)`)
    },
  }
}

async function asAdmin(work: (admin: postgres.Sql) => Promise<unknown>): Promise<void> {
  const admin = postgres(inject('adminDatabaseUrl'), { max: 1, onnotice: () => {} })
  try {
    await work(admin)
  } finally {
    await admin.end({ timeout: 1 })
  }
}

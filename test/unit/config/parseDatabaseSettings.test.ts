import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parseDatabaseSettings } from '../../../billing/config/parseSettings.ts'

test('asks for nothing but what leads to the database', () => {
  expect(parseDatabaseSettings({})).toEqual({
    ok: true,
    settings: { databaseUrl: null, dataDir: resolve('.data') },
  })
  expect(parseDatabaseSettings({ DATABASE_URL: ' postgres://u:p@h:1/db ', DATA_DIR: '/a' })).toEqual({
    ok: true,
    settings: { databaseUrl: 'postgres://u:p@h:1/db', dataDir: '/a' },
  })
})

test('refuses a URL that is not one of PostgreSQL without showing it', () => {
  expect(parseDatabaseSettings({ DATABASE_URL: 'mysql://u:secret@h/db' })).toEqual({
    ok: false,
    faults: [
      {
        variable: 'DATABASE_URL',
        was: 'set (secret, not shown)',
        why: null,
        mayBe: 'a `postgres://` or `postgresql://` URL with a host',
      },
    ],
  })
})

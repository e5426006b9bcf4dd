import { defineConfig } from 'drizzle-kit'

// Tables are declared once, in the schema files; `npm run migration` writes the migration that brings a database up to them.
export default defineConfig({
  dialect: 'postgresql',
  schema: [
    './billing/ledger/schema.ts',
    './billing/deposits/schema.ts',
    './billing/gate/schema.ts',
    './billing/prices/schema.ts',
    './billing/metering/schema.ts',
    './billing/events/schema.ts',
    './billing/auth/schema.ts',
    './billing/database/schema.ts',
  ],
  out: './billing/database/migrations',
})

import { defineConfig } from 'drizzle-kit'

// Tables are declared once, in the schema files; `npm run migration` writes the SQL that brings a database there.
export default defineConfig({
  dialect: 'postgresql',
  schema: [
    './billing/ledger/schema.ts',
    './billing/deposits/schema.ts',
    './billing/gate/schema.ts',
    './billing/prices/schema.ts',
    './billing/metering/schema.ts',
    './billing/metering/schema.ts',
    './billing/events/schema.ts',
    './billing/auth/schema.ts',
  ],
  out: './billing/database/migrations',
})

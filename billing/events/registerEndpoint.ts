import type { Sql } from '../database/connect.ts'

/**
 * Makes a receiver known, so that events published from now on are queued for it. Idempotent; one that was disabled stays
 * so.
 */
export async function registerEndpoint(sql: Sql, endpointId: string): Promise<void> {
  await sql`insert into credits.webhook_endpoint (id) values (${endpointId}) on conflict do nothing`
}

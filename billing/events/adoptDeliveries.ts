import type { Sql } from '../database/connect.ts'

/**
 * Takes over what is still to be delivered to receivers of before: WEBHOOK_URL names one, so another URL is where those
 * events belong now. Their attempts begin anew.
 */
export async function adoptDeliveries(sql: Sql, endpointId: string): Promise<number> {
  const adopted = await sql`
    with newest as (
      select distinct on (event_id) event_id, endpoint_id from credits.webhook_delivery d
      where d.state = 'pending' and d.endpoint_id <> ${endpointId} and not exists (
        select from credits.webhook_delivery ours where ours.event_id = d.event_id and ours.endpoint_id = ${endpointId})
      order by event_id, endpoint_id
    )
    update credits.webhook_delivery d
    set endpoint_id = ${endpointId}, attempts = 0, next_attempt_at = clock_timestamp()
    from newest where d.event_id = newest.event_id and d.endpoint_id = newest.endpoint_id
    returning d.event_id`
  return adopted.length
}

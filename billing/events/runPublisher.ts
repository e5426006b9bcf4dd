import { createWaker, workWhenWoken } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'
import { registerEndpoint } from './webhooks/deliveries.ts'

/** Should a notification be lost, an event is published this much later. */
const LOOKED_EVERY_MS = 1_000
const AT_ONCE = 1_000

export interface PublisherOptions {
  /** Whom events are queued for as webhooks; null: nobody. */
  endpointId: string | null
  stop: AbortSignal
  /** Told when publishing fails, once until it works again. */
  onProblem: (error: unknown) => void
}

/**
 * Publishes events until stopped: gives what was committed to the outbox its place in the one order, as soon as it is
 * there. Runs in every process; the database lets one publish at a time, and an event is published once.
 */
export async function runPublisher(
  sql: Sql,
  { endpointId, stop, onProblem }: PublisherOptions,
): Promise<void> {
  const waker = createWaker()
  const listening = await sql.listen('credits_outbox', waker.wake, waker.wake).catch((error: unknown) => {
    onProblem(error)
    return null
  })
  let isRegistered = endpointId === null
  async function publishAll(): Promise<void> {
    if (endpointId !== null && !isRegistered) await registerEndpoint(sql, endpointId)
    isRegistered = true
    while (!stop.aborted && (await publish(sql, endpointId)) > 0);
  }
  await workWhenWoken(publishAll, { waker, everyMs: LOOKED_EVERY_MS, stop, onProblem })
  await listening?.unlisten().catch(() => {})
}

/** How many it was; 0 also when another process is publishing. */
async function publish(sql: Sql, endpointId: string | null): Promise<number> {
  const [row] = await sql<{ published: number }[]>`
    select credits.publish_events(${endpointId}, ${AT_ONCE}) as published`
  return row?.published ?? 0
}

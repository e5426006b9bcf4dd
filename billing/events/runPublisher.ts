import { createWaker, workWhenWoken } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'
import { registerEndpoint } from './webhooks/deliveries.ts'

/** How much later an event is published if its notification is lost. */
const POLL_INTERVAL_MS = 1_000
const MAX_EVENTS_PER_STATEMENT = 1_000

/** What the publisher is run with. */
export interface PublisherOptions {
  /** The receiver that events are queued for as webhooks; null if there is none. */
  endpointId: string | null
  stop: AbortSignal
  /** Called when publishing fails, once until it works again. */
  onProblem: (error: unknown) => void
}

/**
 * Publishes events until stopped: gives each event its place in the one order as soon as it is committed to the outbox. Runs
 * in every process; the database lets one publish at a time, and an event is published once.
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
  await workWhenWoken(publishAll, { waker, everyMs: POLL_INTERVAL_MS, stop, onProblem })
  await listening?.unlisten().catch(() => {})
}

/** Returns how many events it published; 0 also while another process is publishing. */
async function publish(sql: Sql, endpointId: string | null): Promise<number> {
  const [row] = await sql<{ published: number }[]>`
    select credits.publish_events(${endpointId}, ${MAX_EVENTS_PER_STATEMENT}) as published`
  return row?.published ?? 0
}

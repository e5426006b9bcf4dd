/**
 * An event's id as receivers of webhooks know it: its number and when it happened, `evt_4711_mk0s7x2o`. The same at every
 * attempt and redelivery. By the number alone, a database restored from a backup would give new events the ids of those
 * that happened after the backup, and a receiver would take them for ones it knows.
 */
export function webhookId({ eventId, createdAt }: { eventId: bigint; createdAt: Date }): string {
  return `evt_${eventId}_${createdAt.getTime().toString(36)}`
}

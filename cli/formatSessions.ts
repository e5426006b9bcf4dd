import { formatMinutes } from '../billing/api/json/amounts.ts'
import type { SessionView } from '../billing/metering/meterSessions.ts'
import { formatTable } from './format.ts'

/** Sessions as a table, the newest last metered state of each; minutes are what it has cost up to its last heartbeat. */
export function formatSessions(sessions: SessionView[], { accounts }: { accounts: boolean }): string[] {
  const owner = (text: string) => (accounts ? [text] : [])
  const rows = sessions.map((session) => [
    session.startedAt.toISOString(),
    session.endReason === null ? session.state : `${session.state}: ${session.endReason}`,
    session.profile,
    session.gpus.toString(),
    formatMinutes(session.totalBilledMicros),
    ...owner(session.account),
    session.id,
  ])
  return formatTable([
    ['started', 'state', 'profile', 'gpus', 'minutes', ...owner('account'), 'session'],
    ...rows,
  ])
}

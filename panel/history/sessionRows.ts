import type { Session } from '../api/apiTypes.ts'
import type { CsvRows } from './csvRows.ts'

const HEADER = ['id', 'profile', 'gpus', 'state', 'endReason', 'startedAt', 'endedAt', 'totalBilledMinutes']

/** Sessions as rows of a file; columns are named as by the service. */
export function sessionRows(sessions: Session[]): CsvRows {
  const rows = sessions.map((session) => [
    session.id,
    session.profile,
    session.gpus,
    session.state,
    session.endReason,
    session.startedAt,
    session.endedAt,
    session.totalBilledMinutes,
  ])
  return [HEADER, ...rows]
}

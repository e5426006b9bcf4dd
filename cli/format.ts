import { formatMinutes } from '../billing/api/json/amounts.ts'
import type { DepositView } from '../billing/deposits/depositViews.ts'
import type { SessionView } from '../billing/metering/meterSessions.ts'

/** Aligns rows of text in columns, two spaces apart; the first row is the heading. */
export function formatTable(rows: string[][]): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Sessions as a table, each as last metered; minutes are its cost up to its last heartbeat. */
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

/** A deposit as lines for the terminal, the id first. */
export function formatDeposit(deposit: DepositView): string[] {
  const { state, reason, detail, confirmations, confirmationsRequired, creditMicros, retryAt } = deposit
  return [
    `deposit ${deposit.id}`,
    `  rail           ${deposit.rail}`,
    `  payer          ${deposit.payer}`,
    `  amount         ${deposit.amountBaseUnits} base units`,
    `  state          ${state}${reason === null ? '' : `: ${reason}`}`,
    ...(detail === null ? [] : [`  why            ${detail}`]),
    ...(retryAt === null ? [] : [`  next look      ${retryAt.toISOString()}`]),
    `  block          ${deposit.blockNumber ?? 'none yet'}`,
    `  confirmations  ${confirmations} of ${confirmationsRequired}`,
    `  credit         ${creditMicros === null ? 'none' : `${formatMinutes(creditMicros)} minutes`}`,
  ]
}

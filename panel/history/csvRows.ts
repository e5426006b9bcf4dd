import type { Deposit, LedgerEntry, Session } from '../api/apiTypes.ts'
import { formatAmount } from '../pay/amounts.ts'

/** Rows of a file, the header first; null is an empty cell. */
export type CsvRows = (string | number | null)[][]

const NUMBER = /^-?\d+(\.\d+)?$/
/** What spreadsheets read as the start of a formula. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/

/**
 * Formats rows as CSV (RFC 4180): CRLF, quotes where needed. A cell that a spreadsheet would execute as a formula gets an
 * apostrophe in front; plain numbers, negative ones too, stay numbers.
 */
export function csvText(rows: CsvRows): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('')
}

function cellText(value: string | number | null): string {
  const text = value === null ? '' : String(value)
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const DEPOSIT_HEADER = [
  ...['id', 'rail', 'amount', 'amountBaseUnits', 'state', 'reason', 'confirmations', 'creditMinutes'],
  ...['chainId', 'blockNumber', 'txHash', 'payer', 'blockTime', 'creditedAt'],
]

/**
 * Payments as rows of a file; columns are named as in the API, amounts are exact.
 *
 * @param decimalsOf decimals of a rail's asset; null for a rail that is unknown or no longer enabled: the base units are
 * there anyway
 */
export function depositRows(deposits: Deposit[], decimalsOf: (rail: string) => number | null): CsvRows {
  const rows = deposits.map((deposit) => {
    const decimals = decimalsOf(deposit.rail)
    return [
      deposit.id,
      deposit.rail,
      decimals === null ? null : formatAmount(BigInt(deposit.amountBaseUnits), decimals),
      deposit.amountBaseUnits,
      deposit.state,
      deposit.reason,
      deposit.confirmations,
      deposit.creditMinutes,
      deposit.chainId,
      deposit.blockNumber,
      deposit.txHash,
      deposit.payer,
      deposit.blockTime,
      deposit.creditedAt,
    ]
  })
  return [DEPOSIT_HEADER, ...rows]
}

const LEDGER_HEADER = [
  'id',
  'kind',
  'minutes',
  'micros',
  'reference',
  'reversesEntryId',
  'eventAt',
  'createdAt',
]

/** Entries of the ledger as rows of a file; columns are named as in the API, minutes are signed. */
export function ledgerRows(entries: LedgerEntry[]): CsvRows {
  const rows = entries.map((entry) => [
    entry.id,
    entry.kind,
    entry.minutes,
    entry.micros,
    entry.reference,
    entry.reversesEntryId,
    entry.eventAt,
    entry.createdAt,
  ])
  return [LEDGER_HEADER, ...rows]
}

const SESSION_HEADER = [
  'id',
  'profile',
  'gpus',
  'state',
  'endReason',
  'startedAt',
  'endedAt',
  'totalBilledMinutes',
]

/** Sessions as rows of a file; columns are named as in the API. */
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
  return [SESSION_HEADER, ...rows]
}

/** Rows of a file, the header first; null is an empty cell. */
export type CsvRows = (string | number | null)[][]

const NUMBER = /^-?\d+(\.\d+)?$/
/** What spreadsheets take for the beginning of a formula. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/

/**
 * Writes rows as CSV (RFC 4180): CRLF, quotes where they are needed. A cell that a spreadsheet would execute as a formula
 * gets an apostrophe in front; plain numbers, negative ones too, stay numbers.
 */
export function csvText(rows: CsvRows): string {
  return rows.map((row) => `${row.map(cellText).join(',')}\r\n`).join('')
}

function cellText(value: string | number | null): string {
  const text = value === null ? '' : String(value)
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

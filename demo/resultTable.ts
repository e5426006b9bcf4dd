import pc from 'picocolors'

export interface ResultRow {
  rail: string
  paid: string
  who: string
  expected: string
  credited: string
  ok: boolean
}

const headings = ['rail', 'paid', 'by', 'expected minutes', 'credited minutes', ''] as const

/** The outcome of the demo as an aligned text table. */
export function resultTable(rows: ResultRow[]): string {
  const cells = rows.map((row) => [
    row.rail,
    row.paid,
    row.who,
    row.expected,
    row.credited,
    row.ok ? 'ok' : 'WRONG',
  ])
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) => {
    const padded = row.map((cell, column) => {
      const width = widths[column] ?? 0
      // Numbers are right-aligned.
      return column === 3 || column === 4 ? cell.padStart(width) : cell.padEnd(width)
    })
    return `  ${padded.join('  ')}`.trimEnd()
  }
  const body = cells.map((row, index) => (rows[index]?.ok ? pc.green(line(row)) : pc.red(line(row))))
  return [pc.bold(line(headings)), line(widths.map((width) => '─'.repeat(width))), ...body].join('\n')
}

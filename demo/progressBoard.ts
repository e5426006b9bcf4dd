import pc from 'picocolors'
import type { Progress } from './followDeposit.ts'

export interface ProgressBoard {
  /** A line of text above whatever is shown live. */
  say(line: string): void
  /** Adds a payment's line and returns what updates it. */
  add(label: string): (progress: Progress) => void
}

/**
 * Shows the progress of payments: on a terminal one line each, rewritten in place; elsewhere (a file, a CI log) one plain
 * line per change.
 */
export function createProgressBoard(out: NodeJS.WriteStream): ProgressBoard {
  return out.isTTY ? liveBoard(out) : plainBoard(out)
}

function plainBoard(out: NodeJS.WriteStream): ProgressBoard {
  return {
    say: (line) => void out.write(`${line}\n`),
    add: (label) => (progress) => void out.write(`  ${label}  ${describe(progress)}\n`),
  }
}

function liveBoard(out: NodeJS.WriteStream): ProgressBoard {
  const rows: { label: string; trail: string }[] = []
  let shown = 0
  // Moves up over what was drawn, then rewrites each row and erases the rest of its line.
  const draw = () => {
    const up = shown === 0 ? '' : `\u001b[${shown}A`
    out.write(up + rows.map(({ label, trail }) => `  ${label}  ${trail}\u001b[K\n`).join(''))
    shown = rows.length
  }
  return {
    say(line) {
      out.write(shown === 0 ? `${line}\n` : `\u001b[${shown}A\u001b[J${line}\n`)
      shown = 0
      if (rows.length > 0) draw()
    },
    add(label) {
      const row = { label, trail: pc.dim('sending') }
      rows.push(row)
      draw()
      return (progress) => {
        row.trail = bar(progress)
        draw()
      }
    },
  }
}

function bar(progress: Progress): string {
  if (progress.step !== 'confirming') return describe(progress)
  const { confirmations, required } = progress
  return `${pc.cyan('■'.repeat(confirmations))}${pc.dim('□'.repeat(required - confirmations))} ${describe(progress)}`
}

function describe(progress: Progress): string {
  switch (progress.step) {
    case 'sent':
      return pc.dim('sent')
    case 'seen':
      return 'seen'
    case 'confirming':
      return `${progress.confirmations}/${progress.required}`
    case 'credited':
      return pc.green(`credited: ${progress.minutes} minutes`)
    case 'stuck':
      return pc.red(progress.why)
  }
}

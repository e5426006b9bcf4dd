import { Command } from 'commander'
import { verifyBooks } from '../billing/verify/verifyBooks.ts'
import { type Cli, exitCodes, type Terminal } from './cli.ts'
import { formatProgress } from './formatProgress.ts'
import { withDatabase } from './withDatabase.ts'

/** `credits verify`: proves the books. Exit code 1 when anything differs; each difference is printed on its own line. */
export function verifyCommand({ terminal, end }: Cli): Command {
  return new Command('verify')
    .summary('prove every balance, entry, credit and quote')
    .description(
      'Recomputes every balance from its entries, checks every entry against what it refers to, every credited deposit ' +
        'against its entry and its quote, all usage against its sessions, volumes and entries and against what is reserved ' +
        'from balances, and that the guards of the database are in place. Read-only, on a snapshot of one moment; safe beside a ' +
        'running service. Exit code 0 when all is in order, 1 when something differs: each difference is listed.',
    )
    .option('--json', 'print JSON: {ok, differences, checked}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- verify\n  $ npm run -s credits -- verify --json',
    )
    .action(({ json = false }: { json?: boolean }) =>
      withDatabase(terminal, async (sql) => {
        let told = 0
        const showProgress = createProgress(terminal)
        if (json) terminal.print('{"differences":[')
        const { checked, differences } = await verifyBooks(sql, (step) => {
          switch (step.kind) {
            case 'checked':
              showProgress(step)
              break
            case 'difference': {
              const { rule, subject, detail } = step.difference
              terminal.progress('')
              if (json) terminal.print(`${told === 0 ? ' ' : ','}${JSON.stringify(step.difference)}`)
              else terminal.print(`${rule}: ${subject}: ${detail}`)
              told += 1
              break
            }
          }
        })
        terminal.progress('')
        const counts = Object.fromEntries(
          Object.entries(checked).map(([what, count]) => [what, count.toString()]),
        )
        if (json) terminal.print(`],"ok":${differences === 0},"checked":${JSON.stringify(counts)}}`)
        else {
          const looked = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
          terminal.print(
            `${differences === 0 ? 'In order' : `${differences} ${differences === 1 ? 'difference' : 'differences'}`}: ` +
              `${looked.join(', ')} checked.`,
          )
        }
        end(differences === 0 ? exitCodes.ok : exitCodes.failed)
      }),
    )
}

const SHOW_EVERY_MS = 100

/** Shows counts on a line that is overwritten: with a bar, the rate and the time left. */
function createProgress(terminal: Terminal): (step: { what: string; count: bigint; of?: bigint }) => void {
  let what = ''
  let startedAt = 0
  let shownAt = Number.NEGATIVE_INFINITY
  return (step) => {
    if (!terminal.interactive) return
    const now = performance.now()
    const isNew = step.what !== what
    if (isNew) {
      what = step.what
      startedAt = now
    }
    if (!isNew && step.count !== step.of && now - shownAt < SHOW_EVERY_MS) return
    shownAt = now
    terminal.progress(
      formatProgress({ what, count: step.count, of: step.of ?? null, elapsedMs: now - startedAt }),
    )
  }
}

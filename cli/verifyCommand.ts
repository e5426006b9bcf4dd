import { Command } from 'commander'
import { verifyBooks } from '../billing/gate/verifyBooks.ts'
import type { Cli } from './cli.ts'
import { exitCodes } from './exitCodes.ts'
import { withDatabase } from './withDatabase.ts'

/** `credits verify`: proves the books. Exit code 1 when anything differs, each difference on a line of its own. */
export function verifyCommand({ terminal, end }: Cli): Command {
  return new Command('verify')
    .summary('prove every balance, entry, credit and quote')
    .description(
      'Recomputes every balance from its entries, checks every entry against what it refers to, every credited deposit ' +
        'against its entry and its quote, and that the guards of the database are in place. Reads only; safe beside a ' +
        'running service. Exit code 0 when all is in order, 1 when something differs: each difference is named.',
    )
    .option('--json', 'print JSON: {ok, differences, checked}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- verify\n  $ npm run -s credits -- verify --json',
    )
    .action(({ json = false }: { json?: boolean }) =>
      withDatabase(terminal, async (sql) => {
        let told = 0
        if (json) terminal.print('{"differences":[')
        const { checked, differences } = await verifyBooks(sql, (step) => {
          switch (step.kind) {
            case 'checked':
              terminal.progress(`${step.count} ${step.what} checked`)
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

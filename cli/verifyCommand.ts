import { Command, InvalidArgumentError } from 'commander'
import type { ChainStep, SearchedRange } from '../billing/verify/findUnrecorded.ts'
import { verifyBooks } from '../billing/verify/verifyBooks.ts'
import { verifyChain } from '../billing/verify/verifyChain.ts'
import { type Cli, exitCodes, type Terminal } from './cli.ts'
import { formatProgress } from './formatProgress.ts'
import { withDatabase } from './withDatabase.ts'
import { withGate } from './withGate.ts'

interface Options {
  chain?: boolean
  search?: SearchedRange[]
  strict?: boolean
  json?: boolean
}

/** `credits verify`: proves the books. Exit code 1 when anything differs, each difference on a line of its own. */
export function verifyCommand({ terminal, end }: Cli): Command {
  return new Command('verify')
    .summary('prove every balance, entry, credit and quote')
    .description(
      'Recomputes every balance from its entries, checks every entry against what it refers to, every credited deposit ' +
        'against its entry, its quote and what was told of it, all usage against its sessions, volumes and entries and ' +
        'against what is held back from balances, and that the guards of the database are those of this release. Reads ' +
        'only, as of one moment; safe beside a running service. Exit code 0 when all is in order, 1 when something ' +
        'differs: each difference is named.\n\n' +
        'With --chain also proves every payment once more on the RPCs, which then takes all settings of the service, and ' +
        'archive nodes for what is old. What the RPCs cannot say is told, and is no difference.',
    )
    .option('--chain', 'prove the recorded payments on the RPCs too')
    .option(
      '--search <chainId:from[-to]>',
      'with --chain: look through these blocks for payments that are not recorded; may be repeated',
      addRange,
    )
    .option('--strict', 'with --chain: exit code 1 also for what could not be read')
    .option('--json', 'print JSON: {ok, differences, checked}, and unread with --chain')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm run credits -- verify\n  $ npm run -s credits -- verify --json\n' +
        '  $ npm run credits -- verify --chain --search 1:21000000-21000500',
    )
    .action(async ({ chain = false, search = [], strict = false, json = false }: Options) => {
      if (!chain && (search.length > 0 || strict)) {
        terminal.complain('--search and --strict go with --chain.')
        return end(exitCodes.usage)
      }
      const report = createReport(terminal, json)
      if (chain) {
        await withGate(terminal, async (deps) => {
          const unknown = search.find(({ chainId }) => !deps.chains.has(chainId))
          if (unknown !== undefined) {
            terminal.complain(`Chain ${unknown.chainId} is not configured (RAILS).`)
            return end(exitCodes.usage)
          }
          report.begin()
          await verifyBooks(deps.sql, report.tell)
          for await (const step of verifyChain(deps, search)) report.tell(step)
          const { differences, unread } = report.finish()
          end(differences === 0 && !(strict && unread > 0) ? exitCodes.ok : exitCodes.failed)
        })
      } else {
        await withDatabase(terminal, async (sql) => {
          report.begin()
          await verifyBooks(sql, report.tell)
          end(report.finish().differences === 0 ? exitCodes.ok : exitCodes.failed)
        })
      }
    })
}

function addRange(text: string, before: SearchedRange[] = []): SearchedRange[] {
  const [, chainId, from, to] = /^([1-9]\d{0,14}):(\d{1,15})(?:-(\d{1,15}))?$/.exec(text) ?? []
  if (chainId === undefined || from === undefined) {
    throw new InvalidArgumentError('it must be like 1:21000000-21000500, or 1:21000000.')
  }
  if (to !== undefined && BigInt(to) < BigInt(from)) {
    throw new InvalidArgumentError('its first block must not come after its last.')
  }
  const range = {
    chainId: Number(chainId),
    fromBlock: BigInt(from),
    toBlock: to === undefined ? null : BigInt(to),
  }
  return [...before, range]
}

/** Of what could not be read so many are told one by one, in JSON and in words. */
const MAX_UNREAD_TOLD = 100

interface Report {
  begin(): void
  tell(step: ChainStep): void
  finish(): { differences: number; unread: number }
}

/** Prints what is found as it is found; only totals are kept. */
function createReport(terminal: Terminal, json: boolean): Report {
  let differences = 0
  let unread = 0
  const notes: { subject: string; why: string }[] = []
  const checked = new Map<string, string>()
  const showProgress = createProgress(terminal)
  const tell = (step: ChainStep) => {
    switch (step.kind) {
      case 'checked':
        checked.set(step.what, step.count.toString())
        showProgress(step)
        break
      case 'unread':
        unread += 1
        if (unread > MAX_UNREAD_TOLD) break
        notes.push({ subject: step.subject, why: step.why })
        break
      case 'difference': {
        const { rule, subject, detail } = step.difference
        terminal.progress('')
        if (json) terminal.print(`${differences === 0 ? ' ' : ','}${JSON.stringify(step.difference)}`)
        else terminal.print(`${rule}: ${subject}: ${detail}`)
        differences += 1
        break
      }
    }
  }
  return {
    begin() {
      if (json) terminal.print('{"differences":[')
    },
    tell,
    finish() {
      terminal.progress('')
      if (json) {
        const told = unread === 0 ? '' : `,"unread":${JSON.stringify({ count: unread, first: notes })}`
        const counts = JSON.stringify(Object.fromEntries(checked))
        terminal.print(`],"ok":${differences === 0},"checked":${counts}${told}}`)
        return { differences, unread }
      }
      for (const { subject, why } of notes) terminal.print(`not proven: ${subject}: ${why}`)
      if (unread > notes.length) terminal.print(`not proven: ${unread - notes.length} more`)
      const looked = [...checked].map(([what, count]) => `${count} ${what}`).join(', ')
      const found = `${differences} ${differences === 1 ? 'difference' : 'differences'}`
      terminal.print(
        `${differences === 0 ? 'In order' : found}: ${looked} checked${unread === 0 ? '' : `, ${unread} points not proven`}.`,
      )
      return { differences, unread }
    },
  }
}

const SHOWN_EVERY_MS = 100

/** Shows counts as a line that is overwritten: with a bar, how many a second and how long yet. */
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
    if (!isNew && step.count !== step.of && now - shownAt < SHOWN_EVERY_MS) return
    shownAt = now
    terminal.progress(
      formatProgress({ what, count: step.count, of: step.of ?? null, elapsedMs: now - startedAt }),
    )
  }
}

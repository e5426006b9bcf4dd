import { Argument, Command, Option } from 'commander'
import type { Address } from 'viem'
import { balanceJson, entryJson, volumeJson } from '../billing/api/json/accountJson.ts'
import { formatMinutes } from '../billing/api/json/amounts.ts'
import { sessionJson } from '../billing/api/json/sessionJson.ts'
import type { Page } from '../billing/database/page.ts'
import { type LedgerEntryView, listEntries } from '../billing/ledger/listEntries.ts'
import type { SessionView } from '../billing/metering/meterSessions.ts'
import { type AccountView, readAccount } from '../billing/metering/readAccount.ts'
import { listSessions } from '../billing/metering/sessions.ts'
import { listVolumes, type VolumeView } from '../billing/metering/volumes.ts'
import type { Cli } from './cli.ts'
import { formatSessions, formatTable } from './format.ts'
import { integerArgument, parseAddress } from './parseArguments.ts'
import { meteringFromSettings } from './settings.ts'
import { withDatabase } from './withDatabase.ts'

/** The most live sessions, and volumes, that are shown. */
const MAX_SHOWN = 200

/** `credits account show`: what an account holds, what it is charged for, and its newest entries. */
export function accountCommand({ terminal }: Cli): Command {
  const show = new Command('show')
    .summary('show a balance, live sessions, volumes and the newest entries')
    .description(
      'Shows what an account holds at this moment, its live sessions, its stored volumes and its newest entries. An ' +
        'address never seen has balance 0.',
    )
    .addArgument(new Argument('<address>', 'wallet address').argParser(parseAddress))
    .addOption(
      new Option('--limit <count>', 'entries to show').argParser(integerArgument(1, 200)).default(20),
    )
    .option('--json', 'print JSON: {balance, sessions, volumes, entries}')
    .addHelpText(
      'after',
      `\nExample:\n  $ npm run credits -- account show 0x52908400098527886e0f7030069857d2e4169ee7`,
    )
    .action((address: Address, { limit, json = false }: { limit: number; json?: boolean }) => {
      const { limits, rate } = meteringFromSettings(terminal.env)
      return withDatabase(terminal, async (sql) => {
        const account = await readAccount(sql, limits, address)
        const first = { cursor: null, limit: MAX_SHOWN }
        const sessions = firstOf(await listSessions(sql, { account: address, live: true }, first))
        const stored = await listVolumes(sql, rate, address, { limit: MAX_SHOWN + 1 })
        const volumes = { items: stored.slice(0, MAX_SHOWN), more: stored.length > MAX_SHOWN }
        const entries = firstOf(await listEntries(sql, address, { cursor: null, limit }))
        if (json) {
          const answer = {
            balance: balanceJson(account),
            sessions: sessions.items.map(sessionJson),
            volumes: volumes.items.map(volumeJson),
            entries: entries.items.map(entryJson),
          }
          terminal.print(JSON.stringify(answer, null, 2))
        } else {
          for (const line of formatAccount(account, { sessions, volumes, entries })) terminal.print(line)
        }
      })
    })
  return new Command('account').summary('look at accounts').addCommand(show)
}

function firstOf<Item>(page: Page<Item>): Some<Item> {
  if (page.kind !== 'page') throw new Error('a first page has no cursor')
  return { items: page.items, more: page.nextKey !== null }
}

/** The first items of a list, and whether there are more. */
interface Some<Item> {
  items: Item[]
  more: boolean
}

/** Everything `account show` prints, as lines; empty parts are left out. */
function formatAccount(
  account: AccountView,
  {
    entries,
    sessions,
    volumes,
  }: { entries: Some<LedgerEntryView>; sessions: Some<SessionView>; volumes: Some<VolumeView> },
): string[] {
  return [
    ...formatBalance(account),
    ...formatPart('live sessions', sessions, (items) => formatSessions(items, { accounts: false })),
    ...formatPart('volumes', volumes, formatVolumes),
    ...formatPart('newest entries', entries, formatEntries),
  ]
}

function formatBalance(account: AccountView): string[] {
  const { address, balanceMicros, burnMicrosPerMinute, runsOutAt, low, graceRemainingSeconds } = account
  const lines = [
    `account ${address}`,
    `balance ${formatMinutes(balanceMicros)} minutes (${balanceMicros} micros)${low ? ', low' : ''}`,
  ]
  if (burnMicrosPerMinute > 0n) {
    const until = runsOutAt === null ? '' : `, runs out ${runsOutAt.toISOString()}`
    lines.push(`burns ${formatMinutes(burnMicrosPerMinute)} minutes a minute${until}`)
  }
  if (graceRemainingSeconds !== null) lines.push(`grace ${graceRemainingSeconds} seconds left`)
  return lines
}

function formatPart<Item>(
  title: string,
  { items, more }: Some<Item>,
  format: (items: Item[]) => string[],
): string[] {
  if (items.length === 0) return []
  return ['', title, ...format(items), ...(more ? ['… and more'] : [])]
}

function formatVolumes(volumes: VolumeView[]): string[] {
  const rows = volumes.map(({ id, state, sizeBytes, totalBilledMicros }) => [
    formatGib(sizeBytes),
    state,
    formatMinutes(totalBilledMicros),
    id,
  ])
  return formatTable([['GiB', 'state', 'minutes', 'volume'], ...rows])
}

function formatEntries(entries: LedgerEntryView[]): string[] {
  const rows = entries.map((entry) => [
    entry.id.toString(),
    entry.createdAt.toISOString(),
    formatMinutes(entry.micros),
    entry.reference,
  ])
  return formatTable([['entry', 'posted', 'minutes', 'reference'], ...rows])
}

/** With two decimals, floored. */
function formatGib(bytes: bigint): string {
  const hundredths = (bytes * 100n) >> 30n
  return `${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')}`
}

import { formatMinutes } from '../billing/api/json/amounts.ts'
import type { LedgerEntryView } from '../billing/ledger/listEntries.ts'
import type { SessionView } from '../billing/metering/meterSessions.ts'
import type { AccountView } from '../billing/metering/readAccount.ts'
import type { VolumeView } from '../billing/metering/volumes.ts'
import { formatSessions, formatTable } from './format.ts'

/** Some of a list, and whether there are more. */
export interface Some<Item> {
  items: Item[]
  more: boolean
}

/** All that `account show` says of an account, as lines; parts of which there is nothing are left out. */
export function formatAccount(
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
  if (graceRemainingSeconds !== null) lines.push(`grace ${graceRemainingSeconds} seconds are left`)
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

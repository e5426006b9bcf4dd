import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { LedgerEntry, Session } from '../../api/apiTypes.ts'
import { durationText, minutesText, timeText } from '../../format.ts'
import { sessionRows } from '../../history/csvRows.ts'
import { readWholeList } from '../../history/readWholeList.ts'
import { type DayOfUsage, usageByDay } from '../../history/usageByDay.ts'
import { sessions } from '../../state/account.ts'
import { nowMs } from '../../state/now.ts'
import { historyText } from '../../text/history.ts'
import { ListEnd } from './ListEnd.tsx'
import { Placeholder } from './Placeholder.tsx'
import { UsageChart } from './UsageChart.tsx'

const DAYS = 14
const MS_PER_DAY = 86_400_000
const MICROS_PER_MS = 1_000
const text = historyText.usage

/** Usage: by day as a chart, and by session. */
export function UsageTab() {
  const days = useSignal<DayOfUsage[] | null>(null)
  useEffect(() => {
    void readDays().then((read) => {
      days.value = read
    })
  }, [days])
  const items = [...sessions.items.value.values()]
  const used =
    days.value?.some(({ desktopMicros, storageMicros }) => desktopMicros + storageMicros > 0n) ?? false
  return (
    <>
      {used && days.value !== null && <UsageChart days={days.value} />}
      {items.length === 0 ? (
        <Placeholder state={sessions.state.value} title={text.none} what={text.noneWhat} />
      ) : (
        <table class="table">
          <caption class="label">{text.sessions}</caption>
          <thead>
            <tr>
              <th scope="col">{text.session}</th>
              <th scope="col">{text.began}</th>
              <th scope="col" class="end">
                {text.used}
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((session) => (
              <SessionRow key={session.id} session={session} />
            ))}
          </tbody>
        </table>
      )}
      <ListEnd list={sessions} isEmpty={items.length === 0} file="sessions" readRows={readRows} />
    </>
  )
}

function SessionRow({ session }: { session: Session }) {
  const beganMs = Date.parse(session.startedAt)
  const lasted =
    session.endedAt === null ? null : BigInt(Date.parse(session.endedAt) - beganMs) * BigInt(MICROS_PER_MS)
  const how =
    session.state === 'ended' && session.endReason !== null ? text.ends[session.endReason] : text.running
  return (
    <tr>
      <th scope="row">
        <span class="capital">{session.profile}</span>
        <span class="soft small block break">{session.id}</span>
      </th>
      <td class="began">
        {timeText(beganMs, nowMs.value)}
        <span class="soft small block">
          {lasted !== null && `${durationText(lasted, 's')}, `}
          {how}
        </span>
      </td>
      <td class="end figure">{text.minutes(minutesText(BigInt(session.totalBilledMicros), 2))}</td>
    </tr>
  )
}

/** Usage of the last days, from the ledger; null when it cannot be read. */
async function readDays(): Promise<DayOfUsage[] | null> {
  const now = new Date()
  const before = now.getTime() - (DAYS + 1) * MS_PER_DAY
  const entries = await readWholeList<LedgerEntry>(
    '/v1/ledger',
    ({ createdAt }) => Date.parse(createdAt) < before,
  )
  return entries === null ? null : usageByDay(entries, now, DAYS)
}

async function readRows() {
  const all = await readWholeList<Session>('/v1/sessions')
  return all === null ? null : sessionRows(all)
}

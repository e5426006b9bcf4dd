import { useEffect } from 'preact/hooks'
import type { LedgerEntry } from '../../api/apiTypes.ts'
import { minutesText, timeText } from '../../format.ts'
import { ledgerRows } from '../../history/csvRows.ts'
import { readWholeList } from '../../history/readWholeList.ts'
import { ledger } from '../../state/account.ts'
import { nowMs } from '../../state/now.ts'
import { historyText } from '../../text/history.ts'
import { ListEnd } from './ListEnd.tsx'
import { Placeholder } from './Placeholder.tsx'

const text = historyText.ledger

/** Every change to the balance, as it was posted. */
export function LedgerTab() {
  useEffect(() => {
    if (ledger.state.peek() === 'empty') void ledger.refresh()
  }, [])
  const entries = [...ledger.items.value.values()]
  return (
    <>
      {entries.length === 0 ? (
        <Placeholder state={ledger.state.value} title={text.none} what={text.noneWhat} />
      ) : (
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{text.what}</th>
              <th scope="col">{text.when}</th>
              <th scope="col" class="end">
                {text.minutes}
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <tr key={entry.id}>
                <th scope="row">
                  {text.kinds[entry.kind] ?? entry.kind}
                  <span class="soft small block break">{noteOf(entry)}</span>
                </th>
                <td class="soft">{timeText(Date.parse(entry.eventAt), nowMs.value)}</td>
                <td class={entry.micros.startsWith('-') ? 'end figure' : 'end figure good'}>
                  {entry.micros.startsWith('-') ? '' : '+'}
                  {minutesText(BigInt(entry.micros), 2)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ListEnd list={ledger} isEmpty={entries.length === 0} file="ledger" readRows={readRows} />
    </>
  )
}

/** What an entry is about: the session or volume, the rail, or the operator's reason. */
function noteOf({ details }: LedgerEntry): string {
  const { sessionId, volumeId, rail, reason } = details
  const note = [sessionId, volumeId, rail, reason].find((value) => typeof value === 'string')
  return typeof note === 'string' ? note : ''
}

async function readRows() {
  const all = await readWholeList<LedgerEntry>('/v1/ledger')
  return all === null ? null : ledgerRows(all)
}

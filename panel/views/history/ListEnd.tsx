import { useSignal } from '@preact/signals'
import { dayOf } from '../../format.ts'
import { type CsvRows, csvText } from '../../history/csvRows.ts'
import type { PagedList } from '../../state/pagedList.ts'
import { commonText } from '../../text/common.ts'
import { historyText } from '../../text/history.ts'
import { DownloadGlyph } from '../icons.tsx'

interface ListEndProps {
  list: Pick<PagedList<{ id: string }>, 'state' | 'hasMore' | 'loadMore' | 'refresh'>
  /** Whether the list is empty: then there is nothing to download. */
  isEmpty: boolean
  /** The file's name, before its date. */
  file: string
  /** Reads the whole list; null when the service did not answer. */
  readRows: () => Promise<CsvRows | null>
}

/** The end of a list: a button for more, a download of all of it, or that it could not be loaded. */
export function ListEnd({ list, isEmpty, file, readRows }: ListEndProps) {
  const isLoading = list.state.value === 'loading'
  return (
    <div class="list-end">
      {list.state.value === 'failed' && (
        <p role="alert">
          {historyText.failed}{' '}
          <button type="button" class="button" onClick={() => void list.refresh()}>
            {commonText.tryAgain}
          </button>
        </p>
      )}
      {list.hasMore.value && (
        <button type="button" class="button" disabled={isLoading} onClick={() => void list.loadMore()}>
          {historyText.more}
        </button>
      )}
      {!isEmpty && <Download file={file} readRows={readRows} />}
    </div>
  )
}

function Download({ file, readRows }: Pick<ListEndProps, 'file' | 'readRows'>) {
  const state = useSignal<'idle' | 'reading' | 'failed'>('idle')
  const download = async () => {
    state.value = 'reading'
    const rows = await readRows()
    state.value = rows === null ? 'failed' : 'idle'
    if (rows !== null) save(`axonos-${file}-${dayOf(new Date())}.csv`, csvText(rows))
  }
  return (
    <>
      <button type="button" class="button quiet" disabled={state.value === 'reading'} onClick={download}>
        <DownloadGlyph />
        {state.value === 'reading' ? historyText.downloading : historyText.download}
      </button>
      <p class="small bad" role="status">
        {state.value === 'failed' ? historyText.downloadFailed : ''}
      </p>
    </>
  )
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has taken the file by then; its text must not stay in memory while the page is open.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

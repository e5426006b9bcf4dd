import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { historyText } from '../../text/history.ts'
import { DepositsTab } from './DepositsTab.tsx'
import { LedgerTab } from './LedgerTab.tsx'
import { UsageTab } from './UsageTab.tsx'

const TABS = ['deposits', 'usage', 'ledger'] as const
type Tab = (typeof TABS)[number]

/** The history of the account: payments, usage, and the ledger of both. */
export function History() {
  const chosen = useSignal<Tab>('deposits')
  const list = useRef<HTMLDivElement>(null)

  const onKeyDown = (event: KeyboardEvent) => {
    const at = TABS.indexOf(chosen.value)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key]
    const tab = to === undefined ? undefined : TABS.at(to % TABS.length)
    if (tab === undefined) return
    event.preventDefault()
    chosen.value = tab
    list.current?.querySelector<HTMLButtonElement>(`#tab-${tab}`)?.focus()
  }

  return (
    <section class="card history" aria-labelledby="history">
      <div class="card-head">
        <h2 id="history">{historyText.title}</h2>
        <div class="tabs" role="tablist" aria-labelledby="history" ref={list} onKeyDown={onKeyDown}>
          {TABS.map((tab) => (
            <button
              key={tab}
              id={`tab-${tab}`}
              type="button"
              role="tab"
              class="tab"
              aria-selected={chosen.value === tab}
              aria-controls="history-panel"
              tabIndex={chosen.value === tab ? 0 : -1}
              onClick={() => {
                chosen.value = tab
              }}
            >
              {historyText.tabs[tab]}
            </button>
          ))}
        </div>
      </div>
      <div id="history-panel" role="tabpanel" aria-labelledby={`tab-${chosen.value}`} class="tab-panel">
        {chosen.value === 'deposits' && <DepositsTab />}
        {chosen.value === 'usage' && <UsageTab />}
        {chosen.value === 'ledger' && <LedgerTab />}
      </div>
    </section>
  )
}

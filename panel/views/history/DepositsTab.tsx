import type { Deposit, DepositState } from '../../api/apiTypes.ts'
import { minutesText, shortHex, timeText } from '../../format.ts'
import { depositRows } from '../../history/csvRows.ts'
import { readWholeList } from '../../history/readWholeList.ts'
import { showAmount } from '../../pay/amounts.ts'
import { explorerLink, knownChain } from '../../pay/chains.ts'
import { depositPages, deposits } from '../../state/account.ts'
import { config, railOf } from '../../state/config.ts'
import { nowMs } from '../../state/now.ts'
import { commonText } from '../../text/common.ts'
import { historyText } from '../../text/history.ts'
import { Skeleton } from '../Skeleton.tsx'
import { ListEnd } from './ListEnd.tsx'
import { Placeholder } from './Placeholder.tsx'

const text = historyText.deposits

const badges: Record<DepositState, string> = {
  pending: 'badge',
  held: 'badge is-warn',
  credited: 'badge is-good',
  orphaned: 'badge is-warn',
  reversed: 'badge is-bad',
  rejected: 'badge is-bad',
}

/** Every payment of the account, with its state and the reason for it. */
export function DepositsTab() {
  const items = [...deposits.value.values()]
  return (
    <>
      {items.length === 0 ? (
        <Placeholder state={depositPages.state.value} title={text.none} what={text.noneWhat} />
      ) : (
        <ul class="rows">
          {items.map((deposit) => (
            <DepositRow key={deposit.id} deposit={deposit} />
          ))}
        </ul>
      )}
      <ListEnd list={depositPages} isEmpty={items.length === 0} file="payments" readRows={readRows} />
    </>
  )
}

function DepositRow({ deposit }: { deposit: Deposit }) {
  const chain = knownChain(deposit.chainId)?.name ?? commonText.chain(deposit.chainId)
  const why = whyOf(deposit)
  return (
    <li class="row">
      <div>
        <p class="strong">{amountOf(deposit) ?? <Skeleton width="6em" />}</p>
        <p class="soft small">
          {deposit.blockTime !== null && `${timeText(Date.parse(deposit.blockTime), nowMs.value)} · `}
          {chain}
          {deposit.blockNumber !== null && ` · ${text.block(deposit.blockNumber)}`} ·{' '}
          <TransactionLink deposit={deposit} />
        </p>
      </div>
      <div class="row-end">
        <span class={badges[deposit.state]}>{text.states[deposit.state]}</span>
        {deposit.state === 'credited' && deposit.creditMicros !== null && (
          <p class="figure">{text.got(minutesText(BigInt(deposit.creditMicros), 2))}</p>
        )}
        {deposit.state === 'pending' && (
          <p class="soft small">
            {text.progress(
              Math.min(deposit.confirmations, deposit.confirmationsRequired),
              deposit.confirmationsRequired,
            )}
          </p>
        )}
      </div>
      {why !== null && <p class="why small">{why}</p>}
    </li>
  )
}

/** null while the rails are unknown: without decimals, an amount would be off by many orders of magnitude. */
function amountOf({ rail: name, amountBaseUnits }: Deposit): string | null {
  if (config.value === null) return null
  const rail = railOf(name)
  if (rail === undefined) return text.baseUnits(amountBaseUnits, name)
  return `${showAmount(BigInt(amountBaseUnits), rail.decimals)} ${rail.symbol}`
}

function TransactionLink({ deposit: { chainId, txHash } }: { deposit: Deposit }) {
  const link = explorerLink(chainId, txHash)
  if (link === null) return <span>{shortHex(txHash)}</span>
  return (
    <a
      href={link}
      target="_blank"
      rel="noopener noreferrer"
      aria-label={`${text.transaction} ${shortHex(txHash)} ${text.newTab}`}
    >
      {shortHex(txHash)}
    </a>
  )
}

/** Why it is not credited, and when it is checked next; null when there is nothing to explain. */
function whyOf({ state, reason, retryAt }: Deposit): string | null {
  switch (state) {
    case 'pending':
    case 'credited':
      return null
    case 'orphaned':
      return text.orphaned
    case 'reversed':
      return text.reversed
    case 'held':
    case 'rejected': {
      // An unknown reason comes from a newer service: only the state is shown.
      const why = reason === null ? undefined : text.reasons[reason]
      return (
        [why, reason === 'below_minimum' ? text.onlyYouCanEnd : nextLook(retryAt)]
          .filter(Boolean)
          .join(' ') || null
      )
    }
  }
}

function nextLook(retryAt: string | null): string | null {
  if (retryAt === null) return null
  const atMs = Date.parse(retryAt)
  return atMs <= nowMs.value + 5_000 ? text.nextSoon : text.next(timeText(atMs, nowMs.value))
}

async function readRows() {
  const all = await readWholeList<Deposit>('/v1/deposits')
  return all === null ? null : depositRows(all, (rail) => railOf(rail)?.decimals ?? null)
}

import type { Deposit, DepositState } from '../../api/apiTypes.ts'
import { minutesText } from '../../format/minutesText.ts'
import { shortHex } from '../../format/shortHex.ts'
import { timeText } from '../../format/timeText.ts'
import { depositRows } from '../../history/depositRows.ts'
import { readWholeList } from '../../history/readWholeList.ts'
import { explorerLink } from '../../pay/explorerLink.ts'
import { knownChain } from '../../pay/knownChains.ts'
import { showAmount } from '../../pay/showAmount.ts'
import { depositPages, deposits } from '../../state/account.ts'
import { railOf } from '../../state/config.ts'
import { nowMs } from '../../state/now.ts'
import { commonText } from '../../text/common.ts'
import { historyText } from '../../text/history.ts'
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

/** Every payment of the account, with what became of it and why. */
export function DepositsTab() {
  const items = [...deposits.value.values()]
  const isLoading = depositPages.state.value === 'loading' || depositPages.state.value === 'empty'
  return (
    <>
      {items.length === 0 ? (
        <Placeholder isLoading={isLoading} title={text.none} what={text.noneWhat} />
      ) : (
        <ul class="rows">
          {items.map((deposit) => (
            <DepositRow key={deposit.id} deposit={deposit} />
          ))}
        </ul>
      )}
      <ListEnd list={depositPages} file="payments" readRows={readRows} />
    </>
  )
}

function DepositRow({ deposit }: { deposit: Deposit }) {
  const rail = railOf(deposit.rail)
  const symbol = rail?.symbol ?? deposit.rail.split(':', 1)[0]?.toUpperCase() ?? ''
  const amount =
    rail === undefined ? deposit.amountBaseUnits : showAmount(BigInt(deposit.amountBaseUnits), rail.decimals)
  const chain = knownChain(deposit.chainId)?.name ?? commonText.chain(deposit.chainId)
  const why = whyOf(deposit)
  return (
    <li class="row">
      <div>
        <p class="strong">
          {amount} {symbol}
        </p>
        <p class="soft small">
          {chain}
          {deposit.blockNumber !== null && ` · ${text.block(deposit.blockNumber)}`} ·{' '}
          <TransactionLink deposit={deposit} />
        </p>
        {why !== null && <p class="why small">{why}</p>}
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
    </li>
  )
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

/** Why it is not credited, and when it is looked at next; null where there is nothing to explain. */
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
      // A reason that this page does not know is of a newer service: the state alone is true.
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

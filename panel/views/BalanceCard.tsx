import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { durationText, minutesText, secondsText, timeText } from '../format.ts'
import { balance, deposits, lastHeardAtMs, streamState } from '../state/account.ts'
import type { LiveBalance } from '../state/liveBalance.ts'
import { nowMs } from '../state/now.ts'
import { balanceNow } from '../state/payPanel.ts'
import { accountText } from '../text/account.ts'
import { commonText } from '../text/common.ts'
import { Buys } from './Buys.tsx'
import { Notice } from './Notice.tsx'
import { Skeleton } from './Skeleton.tsx'

const MICROS_PER_MS = 1_000n
const ONE_MINUTE_MICROS = 60_000_000n

/** The balance, how long it lasts, and anything to know about it. Counts down on its own between two events. */
export function BalanceCard() {
  const now = balanceNow.value
  return (
    <section class="card balance" aria-labelledby="balance">
      <div class="card-head">
        <h2 id="balance" class="label">
          {accountText.balance}
        </h2>
        <Freshness />
      </div>
      {now === null ? <BalanceSkeleton /> : <Figures now={now} />}
      {now !== null && <State now={now} />}
      <Buys />
      <Announcement />
    </section>
  )
}

function Figures({ now }: { now: LiveBalance }) {
  const burns = now.runsOutAtMs !== null
  const [whole = '', fraction] = minutesText(now.balanceMicros, 2, { fixed: burns }).split('.')
  return (
    <>
      <p class="hero">
        <span class="hero-number">
          {whole}
          {fraction !== undefined && <span class="hero-fraction">.{fraction}</span>}
        </span>{' '}
        <span class="hero-unit">{commonText.minutes}</span>
      </p>
      {now.balanceMicros > 0n && <p class="soft">{accountText.ofOneGpu(durationText(now.balanceMicros))}</p>}
    </>
  )
}

function BalanceSkeleton() {
  return (
    <>
      <p class="hero">
        <Skeleton width="4.5em" />
      </p>
      <p>
        <Skeleton width="11em" />
      </p>
      <p class="burn">
        <Skeleton width="14em" />
      </p>
    </>
  )
}

/** The state of the balance, and what to do about it: usually nothing. */
function State({ now }: { now: LiveBalance }) {
  if (now.graceLeftSeconds !== null) {
    const left = durationText(BigInt(now.graceLeftSeconds) * 1_000_000n, 's')
    return <Notice kind="bad" title={accountText.grace.title(left)} what={accountText.grace.what} />
  }
  if (now.balanceMicros < 0n) {
    return <Notice kind="bad" title={accountText.negative.title} what={accountText.negative.what} />
  }
  if (now.balanceMicros === 0n) {
    const { title, used, what } = accountText.empty
    return <Notice kind="calm" title={hadSome() ? used : title} what={what} />
  }
  const { runsOutAtMs } = now
  return (
    <>
      {runsOutAtMs === null ? (
        <p class="burn soft">{accountText.idle}</p>
      ) : (
        <Burn runsOutAtMs={runsOutAtMs} />
      )}
      {now.isLow && runsOutAtMs !== null && (
        <Notice
          kind="warn"
          title={accountText.low.title}
          what={accountText.low.what(timeText(runsOutAtMs, nowMs.value))}
        />
      )}
      {!now.isLow && now.balanceMicros < ONE_MINUTE_MICROS && (
        <Notice kind="warn" title={accountText.tooLittle.title} what={accountText.tooLittle.what} />
      )}
    </>
  )
}

/** Whether any payment was credited before; one still on its way does not count. */
function hadSome(): boolean {
  return [...deposits.value.values()].some(({ state }) => state === 'credited')
}

function Burn({ runsOutAtMs }: { runsOutAtMs: number }) {
  const leftMs = BigInt(Math.max(0, Math.floor(runsOutAtMs - nowMs.value)))
  const left = durationText(leftMs * MICROS_PER_MS, leftMs < 3_600_000n ? 's' : 'min')
  const burn = minutesText(BigInt(balance.value?.burnMicrosPerMinute ?? '0'), 1)
  return (
    <p class="burn">
      <span class="pulse" aria-hidden="true" />
      <span>
        {accountText.runsOut(timeText(runsOutAtMs, nowMs.value), left)}
        <span class="soft block">{accountText.burning(burn)}</span>
      </span>
    </p>
  )
}

/** Whether what is shown is up to date. */
function Freshness() {
  const heardAt = lastHeardAtMs.value
  if (streamState.value === 'open') return <p class="fresh is-live">{accountText.live}</p>
  if (streamState.value === 'connecting' && heardAt === null)
    return <p class="fresh">{accountText.connecting}</p>
  return (
    <p class="fresh">
      {accountText.reconnecting}
      {heardAt !== null && <>, {accountText.lastUpdated(secondsText(heardAt))}</>}
    </p>
  )
}

/** Announces to screen readers that the balance went up; the countdown itself is not read aloud. */
function Announcement() {
  const said = useSignal('')
  const last = useRef<bigint | null>(null)
  const known = balance.value
  useEffect(() => {
    if (known === null) return
    const micros = BigInt(known.balanceMicros)
    if (last.current !== null && micros > last.current)
      said.value = accountText.credited(minutesText(micros, 2))
    last.current = micros
  }, [known, said])
  return (
    <p class="visually-hidden" role="status">
      {said.value}
    </p>
  )
}

import { minutesText, timeText } from '../format.ts'
import { liveSessions } from '../state/account.ts'
import { nowMs } from '../state/now.ts'
import { accountText } from '../text/account.ts'
import { commonText } from '../text/common.ts'

/** The desktops that are running. Hidden while there are none. */
export function RunningSessions() {
  const sessions = liveSessions.value
  const text = accountText.sessions
  if (sessions.length === 0) return null
  return (
    <section class="card" aria-labelledby="sessions">
      <h2 id="sessions" class="label">
        {text.title}
      </h2>
      <ul class="rows">
        {sessions.map((session) => (
          <li key={session.id} class="row">
            <div>
              <p>
                <span class="capital strong">{session.profile}</span>{' '}
                <span class="soft">{commonText.gpus(session.gpus)}</span>
              </p>
              <p class="soft small">
                {text.since(timeText(Date.parse(session.startedAt), nowMs.value))} ·{' '}
                {text.used(minutesText(BigInt(session.totalBilledMicros), 1))}
              </p>
            </div>
            <span class={session.state === 'grace' ? 'badge is-bad' : 'badge is-good'}>
              {session.state === 'grace' ? text.grace : text.running}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

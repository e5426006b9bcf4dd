import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { ProblemCode, Transaction } from '../../api/apiTypes.ts'
import { type ApiAnswer, callApi } from '../../api/callApi.ts'
import { type ParsedHash, parseHash } from '../../pay/parseHash.ts'
import { trackSubmitted } from '../../state/payments.ts'
import { paymentText } from '../../text/payment.ts'
import { offlineText, type ProblemText, problemTexts, unknownProblemText } from '../../text/problems.ts'

type Progress =
  | { kind: 'idle' }
  | { kind: 'checking' }
  | { kind: 'fault'; text: string }
  | { kind: 'problem'; text: ProblemText; retryAfterSeconds: number | null }
  | { kind: 'followed' }

/** For a payment that does not show up: the service looks its hash up at once. Credits the payer, never twice. */
export function AlreadySent() {
  const { hash, progress, input, type, submit } = useSubmission()
  const text = paymentText.alreadySent
  const now = progress.value
  const isBad = now.kind === 'fault' || now.kind === 'problem'
  return (
    <section class="pay-part" aria-labelledby="already-sent-title">
      <h3 id="already-sent-title">{text.title}</h3>
      <p class="soft">{text.what}</p>
      <form class="already-sent" onSubmit={submit} noValidate>
        <label class="field">
          <span class="label">{text.field}</span>
          <input
            ref={input}
            class="mono"
            type="text"
            autoComplete="off"
            autoCapitalize="none"
            spellcheck={false}
            maxLength={200}
            placeholder="0x…"
            value={hash.value}
            aria-invalid={isBad}
            aria-describedby="already-sent-outcome"
            onInput={(event) => type(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button" aria-disabled={now.kind === 'checking'}>
          {text.button}
        </button>
      </form>
      <p
        id="already-sent-outcome"
        class={isBad ? 'amount-outcome is-warn' : 'amount-outcome soft'}
        role="status"
      >
        {now.kind === 'problem' && <strong>{now.text.what} </strong>}
        {outcomeText(now)}
      </p>
    </section>
  )
}

/** The text typed, and the outcome of submitting it. */
function useSubmission() {
  const hash = useSignal('')
  const progress = useSignal<Progress>({ kind: 'idle' })
  const input = useRef<HTMLInputElement>(null)

  const submit = async (event: Event) => {
    event.preventDefault()
    if (progress.value.kind === 'checking') return
    const parsed = parseHash(hash.value)
    if (parsed.kind !== 'hash') {
      progress.value = { kind: 'fault', text: faultText(parsed) }
      input.current?.focus()
      return
    }
    progress.value = { kind: 'checking' }
    const answer = await callApi<Transaction>('/v1/deposits', {
      method: 'POST',
      body: { txHash: parsed.txHash },
    })
    progress.value = progressOf(answer)
    if (answer.kind === 'ok') {
      hash.value = ''
      trackSubmitted(answer.value)
    }
  }

  const type = (text: string) => {
    hash.value = text
    if (progress.value.kind !== 'checking') progress.value = { kind: 'idle' }
  }
  return { hash, progress, input, type, submit }
}

function progressOf(answer: ApiAnswer<Transaction>): Progress {
  switch (answer.kind) {
    case 'ok':
      return { kind: 'followed' }
    case 'offline':
      return { kind: 'problem', text: offlineText, retryAfterSeconds: null }
    case 'problem': {
      const texts: Partial<Record<ProblemCode, ProblemText>> = problemTexts
      const text = texts[answer.problem.code] ?? unknownProblemText
      return { kind: 'problem', text, retryAfterSeconds: answer.retryAfterSeconds }
    }
  }
}

function faultText(parsed: Exclude<ParsedHash, { kind: 'hash' }>): string {
  const { faults } = paymentText.alreadySent
  return parsed.kind === 'short' ? faults.short(parsed.digits) : faults[parsed.kind]
}

function outcomeText(now: Progress): string {
  const text = paymentText.alreadySent
  switch (now.kind) {
    case 'idle':
      return ''
    case 'checking':
      return text.checking
    case 'fault':
      return now.text
    case 'followed':
      return text.followed
    case 'problem': {
      const wait = now.retryAfterSeconds
      return wait === null ? now.text.todo : `${now.text.todo} ${text.wait(wait)}`
    }
  }
}

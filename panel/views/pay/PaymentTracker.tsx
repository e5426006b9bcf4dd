import '../../styles/pay.css'
import { useEffect, useRef } from 'preact/hooks'
import { followPayments } from '../../state/followPayments.ts'
import { newestHash, shownPayments } from '../../state/payments.ts'
import { sending } from '../../state/sendNow.ts'
import { paymentText } from '../../text/payment.ts'
import { PaymentCard } from './PaymentCard.tsx'
import { SendingCard } from './SendingCard.tsx'

/** The payments under way and those just finished, wherever they were sent from. Hidden when there are none. */
export function PaymentTracker() {
  useEffect(followPayments, [])
  const newest = useRef<HTMLHeadingElement>(null)
  const hash = newestHash.value
  useEffect(() => {
    if (hash === null || newest.current === null) return
    newest.current.focus({ preventScroll: true })
    newest.current.scrollIntoView({ block: 'nearest' })
    newestHash.value = null
  }, [hash])
  const now = sending.value
  const payments = shownPayments.value
  if (now === null && payments.length === 0) return null
  const isOver = now === null && payments.every(({ settledAtMs }) => settledAtMs !== null)
  const text = paymentText.tracker
  const cards = payments.flatMap((payment) =>
    (payment.deposits.length === 0 ? [null] : payment.deposits).map((deposit, index) => (
      <li key={deposit?.id ?? payment.txHash}>
        <PaymentCard
          payment={payment}
          deposit={deposit}
          titleRef={payment.txHash === hash && index === 0 ? newest : null}
        />
      </li>
    )),
  )
  return (
    <section class="card payments" aria-labelledby="payments-title">
      <h2 id="payments-title">{isOver ? text.titleSettled : text.title}</h2>
      <ul class="payment-list">
        {now !== null && (
          <li key="sending">
            <SendingCard sending={now} />
          </li>
        )}
        {cards}
      </ul>
    </section>
  )
}

import '../../styles/pay.css'
import { config } from '../../state/config.ts'
import { paymentText } from '../../text/payment.ts'
import { Skeleton } from '../Skeleton.tsx'
import { AlreadySent } from './AlreadySent.tsx'
import { PayFromElsewhere } from './PayFromElsewhere.tsx'
import { RailRow } from './RailRow.tsx'

/** The payment side: every enabled way to pay, paying from another device, and payments already made. */
export function PayPanel() {
  const known = config.value
  if (known === null) return <PayPanelSkeleton />
  const text = paymentText
  return (
    <div class="pay-panel">
      {known.rails.length === 0 ? (
        <p>{text.rails.none}</p>
      ) : (
        <ul class="rails" aria-label={text.rails.label}>
          {known.rails.map((rail) => (
            <RailRow key={rail.rail} rail={rail} />
          ))}
        </ul>
      )}
      <PayFromElsewhere config={known} />
      <AlreadySent />
    </div>
  )
}

function PayPanelSkeleton() {
  return (
    <div class="pay-panel">
      <ul class="rails">
        {[1, 2, 3].map((row) => (
          <li key={row} class="rail">
            <Skeleton width="8em" />
            <Skeleton width="12em" small />
          </li>
        ))}
      </ul>
    </div>
  )
}

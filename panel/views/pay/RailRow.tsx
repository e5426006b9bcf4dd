import { useSignal } from '@preact/signals'
import type { Quote, RailConfig } from '../../api/apiTypes.ts'
import { minutesText } from '../../format.ts'
import { showAmount } from '../../pay/amounts.ts'
import { minimumQuotes } from '../../state/quotes.ts'
import { paymentText } from '../../text/payment.ts'
import { problemTexts } from '../../text/problems.ts'
import { connected } from '../../wallet/connection.ts'
import { ChevronGlyph } from '../icons.tsx'
import { Skeleton } from '../Skeleton.tsx'
import { AmountForm } from './AmountForm.tsx'
import { chainName } from './paymentTexts.ts'
import { RailFacts, RailFactsSkeleton } from './RailFacts.tsx'
import { RailMessage } from './RailMessage.tsx'
import { SendButton } from './SendButton.tsx'

/** One way to pay: what its smallest payment buys, and a button that sends it; opened, any other amount. */
export function RailRow({ rail }: { rail: RailConfig }) {
  const isOpen = useSignal(false)
  const known = minimumQuotes.value.get(rail.rail)
  const quote = known?.kind === 'quoted' ? known.quote : null
  const minimum = known === undefined ? null : BigInt(quote?.minimumBaseUnits ?? rail.minimumBaseUnits)
  const text = paymentText
  const chain = chainName(rail.chainId)
  const id = rail.rail.replace(':', '-')
  return (
    <li class="rail">
      <div class="rail-main">
        <div>
          <h3 class="rail-name">
            {rail.symbol} <span class="soft">{text.rails.onChain(chain)}</span>
          </h3>
          <Offer rail={rail} minimum={minimum} quote={quote} />
        </div>
        <SendButton
          rail={rail}
          amountBaseUnits={minimum}
          label={text.send.minimum(rail.symbol)}
          look="rail-send"
        />
      </div>
      {known === undefined && <RailFactsSkeleton asset={rail.asset} />}
      {quote !== null && <RailFacts rail={rail} quote={quote} />}
      {known?.kind === 'no_price' && (
        <p class="rail-message is-warn">
          {problemTexts.price_unavailable.what} {problemTexts.price_unavailable.todo}
        </p>
      )}
      <RailMessage rail={rail} />
      {connected.value !== null && (
        <button
          type="button"
          class="button link rail-choose"
          aria-expanded={isOpen.value}
          aria-controls={`amount-${id}`}
          aria-label={text.send.chooseFor(rail.symbol, chain)}
          onClick={() => {
            isOpen.value = !isOpen.value
          }}
        >
          {text.send.choose}
          <ChevronGlyph />
        </button>
      )}
      <div id={`amount-${id}`} hidden={!isOpen.value}>
        {isOpen.value && minimum !== null && (
          <AmountForm rail={rail} quote={quote} minimum={minimum} id={id} />
        )}
      </div>
    </li>
  )
}

/** The smallest payment, and what it buys if there is a price. */
function Offer({
  rail,
  minimum,
  quote,
}: {
  rail: RailConfig
  /** null while the quote is loading. */
  minimum: bigint | null
  quote: Quote | null
}) {
  if (minimum === null) {
    return (
      <p class="rail-offer">
        <Skeleton width="11em" />
      </p>
    )
  }
  const text = paymentText.rails
  const amount = showAmount(minimum, rail.decimals, rail.decimals)
  return (
    <p class="rail-offer">
      <span class="figure">{text.amount(amount, rail.symbol)}</span>
      {quote !== null && (
        <>
          {' '}
          <span class="figure">
            <span class="soft">{text.gets}</span>{' '}
            <strong>{text.minutes(minutesText(BigInt(quote.creditMicros), 2))}</strong>
          </span>
        </>
      )}
    </p>
  )
}

import type { Quote, RailConfig } from '../../api/apiTypes.ts'
import { durationText, minutesText } from '../../format.ts'
import { showAmount } from '../../pay/amounts.ts'
import { paymentText } from '../../text/payment.ts'
import { connected } from '../../wallet/connection.ts'
import { SendButton } from './SendButton.tsx'
import { useAmountFields } from './useAmountFields.ts'

/** Any amount on a rail, typed as an amount or as minutes; what it buys, and the button that sends it. */
export function AmountForm({
  rail,
  quote,
  minimum,
  id,
}: {
  rail: RailConfig
  /** null while there is no price. */
  quote: Quote | null
  minimum: bigint
  id: string
}) {
  const fields = useAmountFields(rail, quote, minimum)
  const text = paymentText.send
  const { amountBaseUnits, creditMicros, fault } = fields
  const isBelow = amountBaseUnits !== null && amountBaseUnits < minimum
  const hasFault = (field: 'amount' | 'minutes') => fault?.field === field || (field === 'amount' && isBelow)
  const input = (field: 'amount' | 'minutes', label: string, value: string, type: (text: string) => void) => (
    <label class="field">
      <span class="label">{label}</span>
      <input
        type="text"
        inputMode="decimal"
        autoComplete="off"
        spellcheck={false}
        maxLength={80}
        value={value}
        aria-invalid={hasFault(field)}
        aria-describedby={`outcome-${id}`}
        onInput={(event) => type(event.currentTarget.value)}
      />
    </label>
  )
  return (
    <div class="amount-form">
      <div class="amount-fields">
        {input('amount', text.amountField(rail.symbol), fields.amountText, fields.typeAmount)}
        {quote !== null && input('minutes', text.minutesField, fields.minutesText, fields.typeMinutes)}
      </div>
      <p
        id={`outcome-${id}`}
        class={fault !== null || isBelow ? 'amount-outcome is-warn' : 'amount-outcome'}
        aria-live="polite"
      >
        {fault !== null && text.faults[fault.fault]}
        {isBelow && text.belowMinimum(showAmount(minimum, rail.decimals, rail.decimals), rail.symbol)}
        {!isBelow &&
          creditMicros !== null &&
          text.youGet(minutesText(creditMicros, 2), durationText(creditMicros))}
      </p>
      {connected.value?.chainId === rail.chainId && (
        <SendButton
          rail={rail}
          amountBaseUnits={isBelow ? null : amountBaseUnits}
          label={
            amountBaseUnits === null
              ? text.nothing(rail.symbol)
              : text.amount(showAmount(amountBaseUnits, rail.decimals, rail.decimals), rail.symbol)
          }
          look="primary wide"
        />
      )}
      <p class="small soft">{text.atBlock}</p>
    </div>
  )
}

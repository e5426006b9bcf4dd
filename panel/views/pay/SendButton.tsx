import type { RailConfig } from '../../api/apiTypes.ts'
import { sending, sendNow } from '../../state/sendNow.ts'
import { switchingTo, switchNow } from '../../state/switchNow.ts'
import { paymentText } from '../../text/payment.ts'
import { connected } from '../../wallet/connection.ts'
import { chainName } from './paymentTexts.ts'

/**
 * Sends an amount on a rail. While the wallet is on another network, it switches the network instead. It stays focusable
 * while the wallet is busy, so that keyboard focus does not jump back to the top.
 */
export function SendButton({
  rail,
  amountBaseUnits,
  label,
  look,
}: {
  rail: RailConfig
  /** null while there is nothing to send. */
  amountBaseUnits: bigint | null
  label: string
  look: string
}) {
  const wallet = connected.value
  if (wallet === null) return null
  if (wallet.chainId !== rail.chainId) return <SwitchButton rail={rail} look={look} />
  const now = sending.value
  const isMine = now !== null && now.rail.rail === rail.rail && now.amountBaseUnits === amountBaseUnits
  const isOff = now !== null || amountBaseUnits === null
  const send = () => {
    if (!isOff && amountBaseUnits !== null) void sendNow(rail, amountBaseUnits)
  }
  return (
    <button type="button" class={`button ${look}`} aria-disabled={isOff} onClick={send}>
      {isMine ? paymentText.send.inWallet : label}
    </button>
  )
}

function SwitchButton({ rail, look }: { rail: RailConfig; look: string }) {
  const { chainId } = rail
  const isOff = switchingTo.value !== null || sending.value !== null
  return (
    <button
      type="button"
      class={`button ${look}`}
      aria-disabled={isOff}
      onClick={() => {
        if (!isOff) void switchNow(rail)
      }}
    >
      {switchingTo.value === chainId
        ? paymentText.send.inWallet
        : paymentText.send.switchTo(chainName(chainId))}
    </button>
  )
}

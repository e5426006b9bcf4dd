import type { Address } from '../api/apiTypes.ts'
import { isWalletLookedFor } from '../state/lookForWallet.ts'
import { balanceNow, isPayPanelOpen } from '../state/payPanel.ts'
import { accountText } from '../text/account.ts'
import { connected } from '../wallet/connection.ts'
import { BalanceCard } from './BalanceCard.tsx'
import { History } from './history/History.tsx'
import { PaymentTrackers, PayPart } from './PaySide.tsx'
import { Profiles } from './Profiles.tsx'
import { RunningSessions } from './RunningSessions.tsx'
import { WalletChoice } from './WalletChoice.tsx'

/** What a signed-in visitor sees: the account, the payment side, the history. */
export function AccountPage({ address }: { address: Address }) {
  const hasNothing = balanceNow.value !== null && balanceNow.value.balanceMicros <= 0n
  return (
    <>
      <h1 class="visually-hidden">{accountText.title}</h1>
      <div class="columns account">
        <div class="stack">
          <BalanceCard />
          {/* Beside the payment buttons, not above them: a tracker that appears must not move a button from under a finger. */}
          <PaymentTrackers />
          <RunningSessions />
          {hasNothing && (
            <div class="wide-only">
              <Profiles />
            </div>
          )}
        </div>
        <div class="stack">
          <PayCard />
          <History key={address} />
        </div>
      </div>
    </>
  )
}

function PayCard() {
  const text = accountText.pay
  const isOpen = isPayPanelOpen.value
  return (
    <section class="card pay" aria-labelledby="pay">
      <div class="card-head">
        <h2 id="pay">{text.title}</h2>
        <button
          type="button"
          class={isOpen ? 'button quiet' : 'button primary'}
          aria-expanded={isOpen}
          aria-controls="pay-part"
          onClick={() => {
            isPayPanelOpen.value = !isOpen
          }}
        >
          {isOpen ? text.close : text.open}
        </button>
      </div>
      <div id="pay-part">
        {!isOpen && <p class="soft">{text.what}</p>}
        {isOpen && isWalletLookedFor.value && connected.value === null && (
          <div class="note">
            <p>
              <strong>{accountText.walletGone.title}</strong>
            </p>
            <p class="soft">{accountText.walletGone.what}</p>
            <WalletChoice />
          </div>
        )}
        {isOpen && <PayPart />}
      </div>
    </section>
  )
}

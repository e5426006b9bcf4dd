import { config } from '../state/config.ts'
import { welcomeText } from '../text/welcome.ts'
import { PaymentTrackers } from './PaySide.tsx'
import { Prices } from './Prices.tsx'
import { Profiles } from './Profiles.tsx'
import { Tiers } from './Tiers.tsx'
import { WalletChoice } from './WalletChoice.tsx'

/** What visitors see before they connect: what this is, what it costs, and the wallets to start with. */
export function Welcome() {
  return (
    <>
      <PaymentTrackers />
      <div class="columns">
        <section class="intro">
          <h1>{welcomeText.title}</h1>
          <p class="lead">{welcomeText.what}</p>
          <WalletChoice />
        </section>
        <Prices />
      </div>
      <div class="columns even">
        <Profiles />
        <Tiers />
      </div>
      {config.value !== null && (
        <p class="soft small">{welcomeText.storage(config.value.storage.minutesPerGibHour)}</p>
      )}
    </>
  )
}

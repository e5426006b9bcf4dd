import { isWalletLookedFor } from '../state/lookForWallet.ts'
import { signedIn } from '../state/signedIn.ts'
import { commonText } from '../text/common.ts'
import { connected } from '../wallet/connection.ts'
import { AccountPage } from './AccountPage.tsx'
import { Footer } from './Footer.tsx'
import { Header } from './Header.tsx'
import { ServiceBanner } from './ServiceBanner.tsx'
import { SignInStep } from './SignInStep.tsx'
import { Welcome } from './Welcome.tsx'

/** The whole page: signed in, it shows the account; connected, it asks for a sign-in; otherwise it welcomes. */
export function App() {
  return (
    <>
      <a class="skip-link" href="#content">
        {commonText.skipToContent}
      </a>
      <Header />
      <ServiceBanner />
      <main id="content" class="page" tabIndex={-1}>
        <Content />
      </main>
      <Footer />
    </>
  )
}

function Content() {
  if (signedIn.value !== null) return <AccountPage address={signedIn.value.address} />
  if (connected.value !== null) return <SignInStep wallet={connected.value} />
  // The last visit's wallet reconnects within moments, so the welcome page would only flash.
  return isWalletLookedFor.value ? <Welcome /> : null
}

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

/** The whole page: who is signed in sees the account, who is connected is asked to sign in, all others are welcomed. */
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
  // A wallet of the last visit comes back within moments; what is below would only flash.
  return isWalletLookedFor.value ? <Welcome /> : null
}

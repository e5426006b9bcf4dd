import type { ProblemCode } from '../api/apiTypes.ts'
import { shortHex } from '../format.ts'
import { signInExpired } from '../state/signedIn.ts'
import { type SignInProgress, signIn, signInProgress } from '../state/signIn.ts'
import { type ProblemText, problemTexts } from '../text/problems.ts'
import { welcomeText } from '../text/welcome.ts'
import { type Connected, disconnectWallet } from '../wallet/connection.ts'
import { PaymentTrackers } from './PaySide.tsx'
import { WalletIcon } from './WalletIcon.tsx'

/** Asks a connected wallet for its signature: one button, the reason, and the outcome. */
export function SignInStep({ wallet: { wallet, address } }: { wallet: Connected }) {
  const progress = signInProgress.value
  const text = welcomeText.signIn
  const isBusy =
    progress.kind === 'preparing' || progress.kind === 'in_wallet' || progress.kind === 'verifying'
  return (
    <div class="narrow">
      <section class="card sign-in" aria-labelledby="sign-in">
        <h1 id="sign-in" class="h-large">
          {signInExpired.value ? text.expiredTitle : text.title}
        </h1>
        {signInExpired.value && <p>{text.expired}</p>}
        <p class="soft">{text.why}</p>
        <p class="identity">
          <WalletIcon wallet={wallet} />
          <span>{wallet.name}</span>
          <span class="soft">{shortHex(address)}</span>
        </p>
        <button
          type="button"
          class="button primary large wide"
          disabled={isBusy}
          onClick={() => void signIn()}
        >
          {progress.kind === 'in_wallet' ? text.inWalletButton : text.button}
        </button>
        <p class="status-line" role="status">
          {messageOf(progress, wallet.name)}
        </p>
        <button type="button" class="button link" onClick={() => void disconnectWallet()}>
          {text.other}
        </button>
      </section>
      <PaymentTrackers />
    </div>
  )
}

function messageOf(progress: SignInProgress, walletName: string): string {
  const text = welcomeText.signIn
  switch (progress.kind) {
    case 'idle':
    case 'superseded':
    case 'signed_in':
      return ''
    case 'preparing':
      return text.preparing
    case 'in_wallet':
      return text.inWallet(walletName)
    case 'verifying':
      return text.verifying
    case 'rejected':
      return text.rejected
    case 'wallet_failed':
      return text.failed(progress.detail)
    case 'offline':
      return text.offline
    case 'problem': {
      // An unknown code comes from a newer service, whose own words are shown.
      const texts: Partial<Record<ProblemCode, ProblemText>> = problemTexts
      const known = texts[progress.problem.code]
      return known === undefined ? progress.problem.detail : `${known.what} ${known.todo}`
    }
  }
}

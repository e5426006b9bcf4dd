import { type ConnectProgress, connectAndSignIn, connectProgress } from '../state/connect.ts'
import { welcomeText } from '../text/welcome.ts'
import { foundWallets } from '../wallet/foundWallets.ts'
import { WalletIcon } from './WalletIcon.tsx'

/** The wallets of this browser as buttons, and the outcome of the last click. */
export function WalletChoice() {
  const wallets = foundWallets.value
  const progress = connectProgress.value
  const text = welcomeText.wallets
  return (
    <div class="wallets">
      {wallets.length === 0 ? (
        <div class="note">
          <p>
            <strong>{text.none}</strong>
          </p>
          <p class="soft">{text.noneWhat}</p>
        </div>
      ) : (
        <ul class="wallet-list" aria-label={text.title}>
          {wallets.map((wallet) => (
            <li key={wallet.uuid}>
              <button
                type="button"
                class="button primary large wide"
                disabled={progress.kind === 'asking'}
                onClick={() => void connectAndSignIn(wallet)}
              >
                <WalletIcon wallet={wallet} />
                {text.connect(wallet.name)}
              </button>
            </li>
          ))}
        </ul>
      )}
      <p class="soft small" role="status">
        {wallets.length === 0 ? '' : messageOf(progress)}
      </p>
    </div>
  )
}

function messageOf(progress: ConnectProgress): string {
  const text = welcomeText.wallets
  switch (progress.kind) {
    case 'idle':
      return text.safe
    case 'asking':
      return text.asking(progress.wallet.name)
    case 'rejected':
      return text.rejected(progress.wallet.name)
    case 'busy':
      return text.busy(progress.wallet.name)
    case 'failed':
      return text.failed(progress.wallet.name, progress.detail)
  }
}

import type { FoundWallet } from '../wallet/foundWallets.ts'
import { WalletGlyph } from './icons.tsx'

/** A wallet's own icon; its name is shown beside it. */
export function WalletIcon({ wallet }: { wallet: FoundWallet }) {
  return wallet.icon === '' ? (
    <WalletGlyph />
  ) : (
    <img class="wallet-icon" src={wallet.icon} alt="" width="24" height="24" />
  )
}

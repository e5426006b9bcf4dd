import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { shortHex } from '../format.ts'
import { signOut } from '../state/signedIn.ts'
import { accountText } from '../text/account.ts'
import { connected, disconnectWallet } from '../wallet/connection.ts'
import { CopyButton } from './CopyButton.tsx'
import { ChevronGlyph } from './icons.tsx'
import { WalletIcon } from './WalletIcon.tsx'

/** Who is signed in: the short address, and a menu with the full one and sign-out. */
export function AccountMenu({ address }: { address: string }) {
  const isOpen = useSignal(false)
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const wallet = connected.value?.wallet ?? null

  useEffect(() => {
    const onPointer = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) isOpen.value = false
    }
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || !isOpen.value) return
      isOpen.value = false
      button.current?.focus()
    }
    document.addEventListener('pointerdown', onPointer)
    document.addEventListener('keydown', onKey)
    return () => {
      document.removeEventListener('pointerdown', onPointer)
      document.removeEventListener('keydown', onKey)
    }
  }, [isOpen])

  const leave = () => {
    isOpen.value = false
    void signOut()
    void disconnectWallet()
  }

  return (
    <div class="menu" ref={root}>
      <button
        ref={button}
        type="button"
        class="chip"
        aria-expanded={isOpen.value}
        aria-controls="account-menu"
        aria-label={accountText.menu.open(shortHex(address))}
        onClick={() => {
          isOpen.value = !isOpen.value
        }}
      >
        {wallet !== null && <WalletIcon wallet={wallet} />}
        <span>{shortHex(address)}</span>
        <ChevronGlyph />
      </button>
      <div id="account-menu" class="menu-panel" hidden={!isOpen.value}>
        {wallet !== null && <p class="soft small">{accountText.menu.with(wallet.name)}</p>}
        <p class="mono small break">{address}</p>
        <CopyButton text={address} label={accountText.menu.copy} done={accountText.menu.copied} />
        <button type="button" class="button quiet wide" onClick={leave}>
          {accountText.menu.signOut}
        </button>
      </div>
    </div>
  )
}

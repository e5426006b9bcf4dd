import { signal } from '@preact/signals'
import { type ConnectOutcome, connected, connectWallet } from '../wallet/connection.ts'
import type { FoundWallet } from '../wallet/foundWallets.ts'
import { signedIn } from './signedIn.ts'
import { signIn } from './signIn.ts'

/** The wallet that is being asked to connect, or how the last request ended. */
export type ConnectProgress =
  | { kind: 'idle' }
  | { kind: 'asking'; wallet: FoundWallet }
  | ({ wallet: FoundWallet } & Exclude<ConnectOutcome, { kind: 'connected' }>)

export const connectProgress = signal<ConnectProgress>({ kind: 'idle' })

/** Connects the chosen wallet and goes straight on to sign in, so that one click is enough. */
export async function connectAndSignIn(wallet: FoundWallet): Promise<void> {
  if (connectProgress.peek().kind === 'asking') return
  connectProgress.value = { kind: 'asking', wallet }
  const outcome = await connectWallet(wallet)
  if (outcome.kind !== 'connected') {
    connectProgress.value = { ...outcome, wallet }
    return
  }
  connectProgress.value = { kind: 'idle' }
  if (signedIn.peek()?.address !== connected.peek()?.address) await signIn()
}

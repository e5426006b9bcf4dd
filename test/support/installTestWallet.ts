import type { BrowserContext } from 'playwright-core'
import { TestWallet, type TestWalletOptions, type WalletAnswer, type WalletRequest } from './testWallet.ts'

const announced = {
  uuid: '350670db-19fa-4704-a166-e52e178b59d2',
  name: 'Test Wallet',
  rdns: 'test.wallet',
  icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4"/></svg>',
}

let installed = 0

/**
 * Puts a wallet into every page of a context: an EIP-1193 provider announced by EIP-6963. Its key and its view of the
 * chains stay in Node, so the page sees no more of it than of a real extension. Install it before a page is opened; several
 * may be there.
 */
export async function installTestWallet(
  context: BrowserContext,
  options: TestWalletOptions & { info?: Partial<typeof announced> },
): Promise<TestWallet> {
  const name = `testWallet${++installed}`
  const wallet = new TestWallet(options, async (event, value) => {
    // A page that navigates away meanwhile has nobody to tell.
    await Promise.allSettled(context.pages().map((page) => page.evaluate(tell, { name, event, value })))
  })
  await context.exposeFunction(`${name}Request`, (request: WalletRequest) => wallet.answer(request))
  await context.addInitScript(announce, { name, info: { ...announced, ...options.info } })
  return wallet
}

/** Runs in the page. */
function tell({ name, event, value }: { name: string; event: string; value: unknown }): void {
  const wallets = globalThis as unknown as Record<string, { emit?(event: string, value: unknown): void }>
  wallets[name]?.emit?.(event, value)
}

/** Runs in the page, before any script of its own: it can use nothing of this module. */
function announce({ name, info }: { name: string; info: typeof announced }): void {
  type Listener = (value: unknown) => void
  const page = globalThis as unknown as Record<string, unknown> & EventTarget
  const listeners = new Map<string, Set<Listener>>()
  const request = page[`${name}Request`] as (request: unknown) => Promise<WalletAnswer>
  const provider = {
    async request(call: unknown) {
      const answer = await request(JSON.parse(JSON.stringify(call)))
      if ('error' in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
      return answer.result
    },
    on(event: string, listener: Listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
      return provider
    },
    removeListener(event: string, listener: Listener) {
      listeners.get(event)?.delete(listener)
      return provider
    },
  }
  page[name] = {
    emit(event: string, value: unknown) {
      for (const listener of [...(listeners.get(event) ?? [])]) listener(value)
    },
  }
  const detail = Object.freeze({ info: Object.freeze(info), provider })
  const announceAgain = () => page.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
  page.addEventListener('eip6963:requestProvider', announceAgain)
  announceAgain()
}

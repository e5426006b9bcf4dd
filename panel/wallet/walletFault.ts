/** Why a wallet refused, as far as the page can act on it. */
export type WalletFault =
  | { kind: 'rejected' }
  | { kind: 'busy' }
  | { kind: 'unauthorized' }
  | { kind: 'unknown_chain' }
  | { kind: 'insufficient_funds' }
  | { kind: 'failed'; detail: string }

const MAX_DEPTH = 4
const MAX_DETAIL_LENGTH = 200

/**
 * Reads what a wallet threw: by its code (EIP-1193, EIP-1474, EIP-3326), which some wallets wrap in an error of their
 * own, else by the words that wallets use when they omit the code.
 */
export function walletFault(thrown: unknown): WalletFault {
  const causes = causesOf(thrown)
  for (const { code } of causes) {
    if (code === 4001 || code === 'ACTION_REJECTED') return { kind: 'rejected' }
    if (code === -32002) return { kind: 'busy' }
    if (code === 4100) return { kind: 'unauthorized' }
    if (code === 4902) return { kind: 'unknown_chain' }
  }
  const words = causes.map(({ message }) => message).join(' ')
  if (/user (rejected|denied|cancell?ed)|rejected by (the )?user/i.test(words)) return { kind: 'rejected' }
  if (/insufficient funds/i.test(words)) return { kind: 'insufficient_funds' }
  if (/unrecognized chain|unknown chain/i.test(words)) return { kind: 'unknown_chain' }
  return { kind: 'failed', detail: causes[0]?.message.slice(0, MAX_DETAIL_LENGTH) ?? '' }
}

interface Cause {
  code: unknown
  message: string
}

/** The error and those it wraps, outermost first. */
function causesOf(thrown: unknown): Cause[] {
  const causes: Cause[] = []
  let next: unknown = thrown
  for (let depth = 0; depth < MAX_DEPTH && typeof next === 'object' && next !== null; depth++) {
    const { code, message, data, cause } = next as Record<string, unknown>
    causes.push({ code, message: typeof message === 'string' ? message : '' })
    const original = (data as { originalError?: unknown } | undefined | null)?.originalError
    next = original ?? cause ?? data
  }
  return causes
}

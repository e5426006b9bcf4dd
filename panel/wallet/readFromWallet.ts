import type { Eip1193 } from './eip1193.ts'

const TIMEOUT_MS = 8_000

/**
 * Asks a wallet something that needs no person, so it must answer soon. Throws what the wallet throws, or if it does not
 * answer within 8 seconds. Not for requests that a person answers: those take as long as they take.
 */
export async function readFromWallet(
  provider: Eip1193,
  method: string,
  params: readonly unknown[] = [],
): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${method} was not answered`)), TIMEOUT_MS)
  })
  try {
    return await Promise.race([provider.request({ method, params }), silence])
  } finally {
    clearTimeout(timer)
  }
}

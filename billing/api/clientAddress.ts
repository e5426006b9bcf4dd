import { isIP } from 'node:net'
import type { Context } from 'hono'
import type { ApiEnv } from './apiEnv.ts'

/**
 * Says whose budget a request is taken from. That is the socket's address, or, with `trustProxy` n, the n-th entry from
 * the right of X-Forwarded-For: the one that the outermost believed proxy wrote. Everything left of it was written by
 * the client itself and is not looked at. An entry that is missing or no address falls back to the socket's, so a made-up
 * header never buys a fresh budget.
 *
 * An IPv6 client is its /64, because that is what one customer is given and can roam in; an IPv4-mapped address is IPv4.
 */
export function clientAddress(c: Context<ApiEnv>, trustProxy: number): string {
  const socketAddress = c.env?.incoming?.socket?.remoteAddress ?? 'unknown'
  const forwarded = trustProxy > 0 ? c.req.header('X-Forwarded-For')?.split(',').at(-trustProxy) : undefined
  return (forwarded === undefined ? null : budgetKey(forwarded)) ?? budgetKey(socketAddress) ?? 'unknown'
}

function budgetKey(text: string): string | null {
  const address = withoutPort(text.trim()).replace(/%.*$/, '')
  switch (isIP(address)) {
    case 4:
      return address
    case 6:
      return ipv6BudgetKey(address)
    default:
      return null
  }
}

/** Some proxies write `1.2.3.4:5678` or `[::1]:5678`. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text
}

function ipv6BudgetKey(address: string): string {
  // The URL parser writes every spelling of an address in one way: lower-case, no leading zeros, no dotted tail.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}

import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The code of the error with which a look-up refuses. */
export const ADDRESS_REFUSED = 'ERR_ADDRESS_NOT_PUBLIC'

/**
 * Makes the look-up of names for a connection that may go to the public internet only: it fails with
 * {@link ADDRESS_REFUSED} when any address of the name is not public. The connection is made to what was judged, so a name
 * that says something else a moment later gains nothing.
 */
export function publicLookup(resolve: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, answer) => {
      if (error !== null) return callback(error, '', 0)
      const addresses = Array.isArray(answer) ? answer : []
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
        const refusal: NodeJS.ErrnoException = new Error('an address that is not public')
        refusal.code = ADDRESS_REFUSED
        return callback(refusal, '', 0)
      }
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

export type Answer = Parameters<Parameters<LookupFunction>[2]>

/**
 * Makes a look-up of names that asks for one name once at a time: whoever asks meanwhile gets that answer, and nobody gets
 * one of before. A name whose servers are silent keeps the system's resolver busy for long after the request that asked has
 * been given up, and few names are resolved at once (libuv: half of its four threads), so a receiver that is tried over
 * and over would hold up the names of everybody else.
 */
export function sharedLookup(resolve: LookupFunction = lookup): LookupFunction {
  const underWay = new Map<string, ((...answer: Answer) => void)[]>()
  return (hostname, options, callback) => {
    const question = JSON.stringify([hostname, options])
    const waiting = underWay.get(question)
    if (waiting !== undefined) {
      waiting.push(callback)
      return
    }
    const asked = [callback]
    underWay.set(question, asked)
    resolve(hostname, options, (...answer) => {
      underWay.delete(question)
      for (const tell of asked) tell(...answer)
    })
  }
}

/** All of IPv6 that is routed as ordinary addresses; the rest is reserved or means something else. */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::')
const GLOBAL_UNICAST_BITS = 3

/**
 * Whether an IP address is one of the public internet. Not so: private, loopback, link-local, multicast, unspecified and
 * reserved ones, and all that carry an IPv4 address to a translator (NAT64, 6to4, Teredo). An IPv4-mapped address is
 * judged as the IPv4 address it is. Text that is no address is not public either.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.process(text)
  if (address.range() !== 'unicast') return false
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS)
}

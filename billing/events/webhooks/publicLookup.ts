import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The error code of a refused lookup. */
export const ADDRESS_REFUSED = 'ERR_ADDRESS_NOT_PUBLIC'

/**
 * Makes a DNS lookup for connections that may only go to the public internet: it fails with {@link ADDRESS_REFUSED} when
 * any address of the name is not public. The connection uses the addresses that were checked, so a name that resolves
 * differently a moment later gains nothing.
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
 * Makes a DNS lookup that resolves each name once at a time: callers that ask meanwhile share the answer, and no answer is
 * kept. A name whose servers are silent keeps the system's resolver busy long after the request was given up, and libuv
 * resolves only two names in parallel, so a receiver that is retried again and again would delay every other lookup.
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

/** The part of IPv6 that holds ordinary public addresses; the rest is reserved or has another meaning. */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::')
const GLOBAL_UNICAST_BITS = 3

/**
 * Whether an IP address is on the public internet. Private, loopback, link-local, multicast, unspecified and reserved
 * addresses are not, nor are those that embed an IPv4 address for a translator (NAT64, 6to4, Teredo). An IPv4-mapped
 * address counts as its IPv4 address. Text that is not an address is not public.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.process(text)
  if (address.range() !== 'unicast') return false
  return address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST, GLOBAL_UNICAST_BITS)
}

import ipaddr from 'ipaddr.js'

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

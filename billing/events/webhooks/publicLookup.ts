import type { LookupFunction } from 'node:net'
import { isPublicAddress } from '../isPublicAddress.ts'

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

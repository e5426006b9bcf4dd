import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

type Answer = Parameters<Parameters<LookupFunction>[2]>

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

import type { Address, Hash } from 'viem'
import type { Sql } from '../database/connect.ts'

/** Each try may cost calls to every RPC of a chain. */
const MAX_TRIES = 20

/** A message that was given out and is still good. */
export interface OpenChallenge {
  address: Address
  chainId: number
  /** By the database's clock. */
  now: Date
}

/**
 * Finds the message that was given out by the hash of its text and counts one try; null when there is none, or it was
 * redeemed, has expired or was tried twenty times. A try is counted before the signature is looked at, so that many at once
 * are not all let through.
 *
 * Only who knows the message, nonce included, can use up its tries: whoever asked for it.
 */
export async function tryChallenge(sql: Sql, messageHash: Hash): Promise<OpenChallenge | null> {
  const [challenge] = await sql<{ address: Address; chainId: bigint; now: Date }[]>`
    update credits.sign_in_challenge set tries = tries + 1
    where message_hash = ${messageHash} and tries < ${MAX_TRIES} and expires_at > clock_timestamp()
    returning address, chain_id as "chainId", clock_timestamp() as now`
  return challenge === undefined ? null : { ...challenge, chainId: Number(challenge.chainId) }
}

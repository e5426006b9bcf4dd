import { randomBytes } from 'node:crypto'
import { type Address, hashMessage } from 'viem'
import type { Sql } from '../database/connect.ts'
import { signInMessage } from './signInMessage.ts'

/** Long enough for a hardware wallet, or for a second owner of a Safe who is at hand. */
const GOOD_FOR_MS = 5 * 60_000

/** A message to be signed, and until when. */
export interface Challenge {
  message: string
  expiresAt: Date
}

/**
 * Gives out a message for a wallet to sign, good once and for five minutes by the database's clock. Of the message only its
 * hash is kept.
 */
export async function issueChallenge(
  sql: Sql,
  { publicUrl, address, chainId }: { publicUrl: string; address: Address; chainId: number },
): Promise<Challenge> {
  const [clock] = await sql<{ now: Date }[]>`select clock_timestamp() as now`
  if (clock === undefined) throw new Error('the database told no time')
  const issuedAt = clock.now
  const expiresAt = new Date(issuedAt.getTime() + GOOD_FOR_MS)
  // Not viem's generateSiweNonce: it is Math.random, and each nonce is the one before moved on by a digit. Who can guess
  // the nonce knows the message, and could use up the tries of somebody else's.
  const nonce = randomBytes(16).toString('hex')
  const message = signInMessage({ publicUrl, address, chainId, nonce, issuedAt, expiresAt })
  await sql`
    insert into credits.sign_in_challenge (message_hash, address, chain_id, expires_at)
    values (${hashMessage(message)}, ${address}, ${chainId}, ${expiresAt})`
  return { message, expiresAt }
}

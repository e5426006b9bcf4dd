import { randomBytes } from 'node:crypto'
import { type Address, type Hash, hashMessage } from 'viem'
import { createSiweMessage } from 'viem/siwe'
import { pause } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'
import { walletTokenHash } from './walletTokens.ts'

/** Long enough for a hardware wallet, or for a second owner of a Safe who is at hand. */
const MESSAGE_LIFETIME_MS = 5 * 60_000

/** A message to sign, and until when. */
export interface Challenge {
  message: string
  expiresAt: Date
}

/**
 * Issues a message for a wallet to sign, good once and for five minutes by the database's clock. Only its hash is kept.
 */
export async function issueChallenge(
  sql: Sql,
  { publicUrl, address, chainId }: { publicUrl: string; address: Address; chainId: number },
): Promise<Challenge> {
  const [clock] = await sql<{ now: Date }[]>`select clock_timestamp() as now`
  if (clock === undefined) throw new Error('the database told no time')
  const issuedAt = clock.now
  const expiresAt = new Date(issuedAt.getTime() + MESSAGE_LIFETIME_MS)
  // Not viem's generateSiweNonce: it uses Math.random, and each nonce is the previous one shifted by a digit. Whoever can
  // guess the nonce knows the message, and could use up somebody else's tries.
  const nonce = randomBytes(16).toString('hex')
  const message = signInMessage({ publicUrl, address, chainId, nonce, issuedAt, expiresAt })
  await sql`
    insert into credits.sign_in_challenge (message_hash, address, chain_id, expires_at)
    values (${hashMessage(message)}, ${address}, ${chainId}, ${expiresAt})`
  return { message, expiresAt }
}

/** Limited because each try may cost calls to every RPC of a chain. */
const MAX_TRIES = 20

/** A message that was issued and is still good. */
export interface OpenChallenge {
  address: Address
  chainId: number
  /** By the database's clock. */
  now: Date
}

/**
 * Finds an issued message by the hash of its text and counts one try; null when there is none, or it was redeemed, has
 * expired or was tried twenty times. The try is counted before the signature is checked, so that parallel tries cannot
 * exceed the limit.
 *
 * Only whoever asked for the message knows it, nonce included, and can use up its tries.
 */
export async function tryChallenge(sql: Sql, messageHash: Hash): Promise<OpenChallenge | null> {
  const [challenge] = await sql<{ address: Address; chainId: bigint; now: Date }[]>`
    update credits.sign_in_challenge set tries = tries + 1
    where message_hash = ${messageHash} and tries < ${MAX_TRIES} and expires_at > clock_timestamp()
    returning address, chain_id as "chainId", clock_timestamp() as now`
  return challenge === undefined ? null : { ...challenge, chainId: Number(challenge.chainId) }
}

const TOKEN_LIFETIME_HOURS = 12
/** Most tokens (devices) of one wallet at a time; one more ends the oldest. */
const MAX_TOKENS_PER_WALLET = 10

/** A wallet that has just signed in. The token is shown this once. */
export interface SignedIn {
  token: string
  address: Address
  expiresAt: Date
}

/**
 * Issues a token for a message whose signature was found good; null when the message was redeemed meanwhile or has expired.
 *
 * One statement deletes the message's row and writes the token, or does neither. Of any number of simultaneous calls, one
 * deletes the row; the others wait for it and find it gone.
 */
export async function redeemChallenge(sql: Sql, messageHash: Hash): Promise<SignedIn | null> {
  const token = randomBytes(32).toString('base64url')
  const [signedIn] = await sql<{ address: Address; expiresAt: Date }[]>`
    with redeemed as (
      delete from credits.sign_in_challenge
      where message_hash = ${messageHash} and expires_at > clock_timestamp()
      returning address
    ), superseded as (
      delete from credits.wallet_token where token_hash in (
        select token_hash from credits.wallet_token join redeemed using (address)
        order by wallet_token.expires_at desc offset ${MAX_TOKENS_PER_WALLET - 1}
      )
    )
    insert into credits.wallet_token (token_hash, address, expires_at)
    select ${walletTokenHash(token)}, address, clock_timestamp() + ${`${TOKEN_LIFETIME_HOURS} hours`}::interval from redeemed
    returning address, expires_at as "expiresAt"`
  return signedIn === undefined ? null : { token, ...signedIn }
}

const PURGE_INTERVAL_MS = 60_000

/** Purges once a minute until stopped. Only the leader does, to save work. A failed round is retried at the next one. */
export async function runSignInPurge(
  sql: Sql,
  { stop, onProblem }: { stop: AbortSignal; onProblem: (error: unknown) => void },
): Promise<void> {
  while (!stop.aborted) {
    await purgeSignIns(sql).catch(onProblem)
    await pause(PURGE_INTERVAL_MS, stop)
  }
}

/** Deletes expired messages and tokens. They are worthless by then; deleting them only saves space. */
export async function purgeSignIns(sql: Sql): Promise<void> {
  await sql`delete from credits.sign_in_challenge where expires_at <= clock_timestamp()`
  await sql`delete from credits.wallet_token where expires_at <= clock_timestamp()`
}

const STATEMENT =
  'Sign in to AxonOS Credits to see your balance and history. Signing sends no transaction and costs nothing.'

/** The parts of a sign-in message that differ from one to the next. */
export interface SignInMessageParts {
  publicUrl: string
  address: Address
  chainId: number
  nonce: string
  issuedAt: Date
  expiresAt: Date
}

/** Writes the message that a wallet signs to sign in (EIP-4361). */
export function signInMessage(parts: SignInMessageParts): string {
  const { publicUrl, address, chainId, nonce, issuedAt, expiresAt } = parts
  return createSiweMessage({
    domain: signInDomain(publicUrl),
    uri: publicUrl,
    version: '1',
    statement: STATEMENT,
    address,
    chainId,
    nonce,
    issuedAt,
    expirationTime: expiresAt,
  })
}

/**
 * The domain that people sign in to. It comes from the setting, never from the Host header, which the sender of a request
 * can choose: another site could have us write messages with its own name, have people sign those without a warning from
 * their wallet, and sign in here as them. The cost: on a page opened by another name of the same machine (127.0.0.1 instead
 * of localhost) the wallet warns, rightly.
 */
export function signInDomain(publicUrl: string): string {
  return new URL(publicUrl).host
}

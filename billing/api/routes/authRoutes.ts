import { createRoute, z } from '@hono/zod-openapi'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Hex } from 'viem'
import type { Api } from '../appDeps.ts'
import { problem, problemResponses } from '../problem.ts'
import { jsonBody, noBody } from '../request/body.ts'
import { takeOne } from '../request/budgets.ts'
import { addressField } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'
import { bearerToken } from '../request/guards.ts'

/** Ours have some 400 characters plus twice the length of PUBLIC_URL. */
const MAX_MESSAGE_CHARACTERS = 4_096
/** Far more than wallets produce: a Safe of twenty owners 1300 bytes, a passkey in an undeployed wallet some 2000. */
const MAX_SIGNATURE_BYTES = 8_192
/**
 * Most messages that this process issues per minute, to all clients together; each is a row for five minutes. Far more than
 * people need, far less than could hurt the database.
 */
const MAX_CHALLENGES_PER_MINUTE = 6_000
const CHAIN_RETRY_SECONDS = 5
const OVERLOADED_RETRY_SECONDS = 2

const bodyRefusals = [
  'malformed_json',
  'body_too_large',
  'unsupported_media_type',
  'invalid_request',
  'rate_limited',
  'internal_error',
  'overloaded',
] as const

/** The schema of a sign-in message. */
export const ChallengeSchema = z
  .strictObject({
    message: z.string().openapi({ description: 'Sign it exactly as it is (personal_sign).' }),
    expiresAt: z.iso.datetime(),
  })
  .openapi('SignInChallenge')

/** The schema of a sign-in. */
export const SignedInSchema = z
  .strictObject({
    token: z.string().openapi({ description: 'Send it as `Authorization: Bearer …`. Shown this once.' }),
    expiresAt: z.iso.datetime(),
    address: z.string().openapi({ description: 'Lower-case.' }),
  })
  .openapi('SignedIn')

const signatureField = z
  .string()
  .max(2 + 2 * MAX_SIGNATURE_BYTES)
  .regex(/^0x([0-9a-fA-F]{2})*$/, 'must be 0x and whole bytes of hex digits')
  .transform((text) => text as Hex)

const challengeRoute = createRoute({
  method: 'post',
  path: '/v1/auth/challenge',
  tags: ['Sign-in'],
  summary: 'Get a message to sign in with',
  description: 'An EIP-4361 message, good once and for five minutes. Anybody may ask for one for any wallet.',
  middleware: [jsonBody()],
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              address: addressField,
              chainId: z.int().min(1).optional().openapi({
                description:
                  'The chain on which a contract wallet is asked; by default the first configured chain.',
              }),
            })
            .openapi('SignInRequest'),
        },
      },
    },
  },
  responses: {
    200: { description: 'The message.', content: { 'application/json': { schema: ChallengeSchema } } },
    ...problemResponses(...bodyRefusals),
  },
})

const verifyRoute = createRoute({
  method: 'post',
  path: '/v1/auth/verify',
  tags: ['Sign-in'],
  summary: 'Sign in with a signed message',
  description:
    'Takes the signature of a key (EIP-191), of a contract (ERC-1271) or of one that is not deployed yet (ERC-6492). The ' +
    'token is good for twelve hours. A wallet may have ten; one more ends the oldest.',
  middleware: [jsonBody()],
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              message: z.string().min(1).max(MAX_MESSAGE_CHARACTERS),
              signature: signatureField,
            })
            .openapi('SignedMessage'),
        },
      },
    },
  },
  responses: {
    200: { description: 'Signed in.', content: { 'application/json': { schema: SignedInSchema } } },
    ...problemResponses(...bodyRefusals, 'challenge_expired', 'signature_invalid', 'chain_unavailable'),
  },
})

/** Adds sign-in with Ethereum: POST /v1/auth/challenge, /v1/auth/verify and /v1/auth/logout. */
export function addAuthRoutes(app: Api, deps: RouteDeps): void {
  addChallengeRoute(app, deps)
  addVerifyRoute(app, deps)
  addLogoutRoute(app, deps)
}

function addChallengeRoute(app: Api, deps: RouteDeps): void {
  const all = new RateLimiterMemory({ points: MAX_CHALLENGES_PER_MINUTE, duration: 60 })

  app.openapi(challengeRoute, async (c) => {
    const { address, chainId = deps.config.chains[0]?.chainId } = c.req.valid('json')
    if (chainId === undefined || !deps.config.chains.some((chain) => chain.chainId === chainId)) {
      const faults = [{ in: 'json', path: 'chainId', message: 'is not a configured chain' }]
      return problem(c, 'invalid_request', `Chain ${chainId} is not configured.`, { faults })
    }
    const clientWaitsSeconds = await deps.rateLimit(c)
    if (clientWaitsSeconds !== null) {
      return problem(c, 'rate_limited', 'Too many requests from this address.', {
        retryAfterSeconds: clientWaitsSeconds,
      })
    }
    const allWaitSeconds = await takeOne(all, 'all')
    if (allWaitSeconds !== null) {
      return problem(c, 'overloaded', 'Too many people sign in at the moment.', {
        retryAfterSeconds: allWaitSeconds,
      })
    }
    const { message, expiresAt } = await deps.signIn.challenge(address, chainId)
    return c.json({ message, expiresAt: expiresAt.toISOString() }, 200)
  })
}

function addVerifyRoute(app: Api, deps: RouteDeps): void {
  app.openapi(verifyRoute, async (c) => {
    const retryAfterSeconds = await deps.rateLimit(c)
    if (retryAfterSeconds !== null) {
      return problem(c, 'rate_limited', 'Too many requests from this address.', { retryAfterSeconds })
    }
    const result = await deps.signIn.verify(c.req.valid('json'))
    switch (result.kind) {
      case 'signed_in': {
        const { token, expiresAt, address } = result.signedIn
        return c.json({ token, expiresAt: expiresAt.toISOString(), address }, 200)
      }
      // 422 and not 401: no bearer was wrong, and a client must not react as it does to a 401, by forgetting its token.
      case 'challenge_expired':
        return problem(c, 'challenge_expired', 'There is no such message to be signed in with any more.')
      case 'signature_invalid':
        return problem(c, 'signature_invalid', "It is not this wallet's signature of this message.")
      case 'chain_unavailable':
        deps.logger.warn({ why: result.detail }, "a contract's signature could not be checked")
        return problem(c, 'chain_unavailable', 'The chain of this wallet could not be asked.', {
          retryAfterSeconds: CHAIN_RETRY_SECONDS,
        })
      case 'overloaded':
        return problem(c, 'overloaded', 'Too many signatures wait to be checked.', {
          retryAfterSeconds: OVERLOADED_RETRY_SECONDS,
        })
    }
  })
}

function addLogoutRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    method: 'post',
    path: '/v1/auth/logout',
    tags: ['Sign-in'],
    security: [{ walletToken: [] }],
    summary: 'Sign out',
    description:
      'Ends this token at once; those of other devices stay. A token that has ended is 401, here too.',
    middleware: [deps.requireWallet, noBody()],
    responses: {
      204: { description: 'Signed out.' },
      ...problemResponses(
        'malformed_json',
        'unauthorized',
        'forbidden',
        'body_too_large',
        'unsupported_media_type',
        'invalid_request',
        'internal_error',
      ),
    },
  })
  app.openapi(route, async (c) => {
    const token = bearerToken(c)
    if (token === null) throw new Error('a wallet without its token')
    await deps.signIn.signOut(token)
    return c.body(null, 204)
  })
}

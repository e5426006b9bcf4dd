import { createRoute, z } from '@hono/zod-openapi'
import { loggableError } from '../../log/loggableError.ts'
import { checkGraphqlQuery } from '../checkGraphqlQuery.ts'
import { problem } from '../problem.ts'
import { problemResponses } from '../problemResponses.ts'
import { jsonBody } from '../request/body.ts'
import type { Api, RouteDeps } from '../routeDeps.ts'

const MAX_BODY_BYTES = 32 * 1024
const TIMEOUT_MS = 10_000
const RETRY_SECONDS = 5

const GraphqlRequestSchema = z
  .strictObject({
    query: z.string(),
    variables: z.record(z.string(), z.unknown()).nullish(),
    operationName: z.string().nullish(),
    extensions: z.record(z.string(), z.unknown()).nullish().openapi({ description: 'Accepted and ignored.' }),
  })
  .openapi('GraphqlRequest')

const GraphqlAnswerSchema = z.record(z.string(), z.unknown()).openapi('GraphqlAnswer')
const answerContent = { 'application/json': { schema: GraphqlAnswerSchema } }
const declared = problemResponses(
  'malformed_json',
  'body_too_large',
  'unsupported_media_type',
  'invalid_request',
  'query_refused',
  'internal_error',
  'indexer_unavailable',
)

const graphqlRoute = createRoute({
  method: 'post',
  path: '/graphql',
  tags: ['Chain'],
  summary: 'GraphQL over the transfers that the indexer has seen',
  description: 'A view of the chain, not of the ledger: what is here need not be credited.',
  middleware: [jsonBody({ maxBytes: MAX_BODY_BYTES })],
  request: { body: { required: true, content: { 'application/json': { schema: GraphqlRequestSchema } } } },
  responses: {
    200: { description: 'The answer; it may hold `errors`.', content: answerContent },
    ...declared,
    400: { ...declared[400], content: { ...declared[400].content, ...answerContent } },
  },
})

type IndexerAnswer =
  | { kind: 'answered'; status: 200 | 400; body: Record<string, unknown> }
  | { kind: 'unavailable' }

/**
 * Adds POST /graphql: hands checked queries to the indexer. Nothing of the caller's request but the query, its variables
 * and its operation name is passed on, written anew: no header, no cookie, no key, and nothing that two parsers could
 * read in two ways.
 */
export function addGraphqlRoute(app: Api, deps: RouteDeps): void {
  app.openapi(graphqlRoute, async (c) => {
    const { query, variables, operationName } = c.req.valid('json')
    const fault = checkGraphqlQuery(query)
    if (fault) return problem(c, 'query_refused', `The query ${fault}.`)

    const answer = await askIndexer(deps, JSON.stringify({ query, variables, operationName }))
    switch (answer.kind) {
      case 'answered':
        return c.json(answer.body, answer.status)
      case 'unavailable':
        return problem(c, 'indexer_unavailable', 'The indexer does not answer at the moment.', {
          retryAfterSeconds: RETRY_SECONDS,
        })
    }
  })
}

async function askIndexer(deps: RouteDeps, body: string): Promise<IndexerAnswer> {
  const indexerUrl = deps.indexerUrl()
  if (indexerUrl === null) return { kind: 'unavailable' }
  try {
    const response = await fetch(new URL('/graphql', indexerUrl), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const answer = GraphqlAnswerSchema.safeParse(await response.json())
    if (!answer.success || (response.status !== 200 && response.status !== 400))
      return { kind: 'unavailable' }
    return { kind: 'answered', status: response.status, body: answer.data }
  } catch (error) {
    deps.logger.debug({ err: loggableError(error, deps.config) }, 'the indexer did not answer a query')
    return { kind: 'unavailable' }
  }
}

import { createRoute, z } from '@hono/zod-openapi'
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { loggableError } from '../../log/loggableError.ts'
import type { Api } from '../appDeps.ts'
import { problem, problemResponses } from '../problem.ts'
import { jsonBody } from '../request/body.ts'
import type { RouteDeps } from '../request/guards.ts'

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
 * Adds POST /graphql: passes checked queries to the indexer. Only the query, its variables and its operation name are passed
 * on, in a newly written request: no header, no cookie, no key, and nothing that two parsers could read differently.
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
    deps.logger.debug({ error: loggableError(error, deps.config) }, 'the indexer did not answer a query')
    return { kind: 'unavailable' }
  }
}

const MAX_TOKENS = 1_000
const MAX_DEPTH = 8
const MAX_ALIASES = 20
/** Counted with fragments expanded; the introspection query of common tools has about 250. */
const MAX_FIELDS = 500

/** What a selection costs with its fragments expanded. */
interface Weight {
  depth: number
  fields: number
  aliases: number
}

/**
 * Says why a GraphQL query is refused before it reaches the indexer, or null. Fragments count wherever they are used, so one
 * alias in a fragment that is spread twenty times counts as twenty. `ofType` adds no depth: it unwraps types in an
 * introspection query and cannot multiply.
 */
function checkGraphqlQuery(query: string): string | null {
  let document: DocumentNode
  try {
    // The token limit also bounds how deep the parser recurses.
    document = parse(query, { maxTokens: MAX_TOKENS, noLocation: true })
  } catch {
    return `does not parse, or has more than ${MAX_TOKENS} tokens`
  }
  const weigh = weigher(document)
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) continue
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== 'query') {
      return 'is not a query'
    }
    const weight = weigh(definition.selectionSet)
    if (weight === null) return 'has a fragment that contains itself'
    if (weight.depth > MAX_DEPTH) return `is deeper than ${MAX_DEPTH}`
    if (weight.aliases > MAX_ALIASES) return `has more than ${MAX_ALIASES} aliases`
    if (weight.fields > MAX_FIELDS) return `has more than ${MAX_FIELDS} fields`
  }
  return null
}

/** Weighs selections; null when a fragment contains itself. Each fragment is weighed once, whatever its uses. */
function weigher(document: DocumentNode): (selectionSet: SelectionSetNode) => Weight | null {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const weighed = new Map<string, Weight | null>()

  const weighFragment = (name: string): Weight | null => {
    const known = weighed.get(name)
    if (known !== undefined) return known
    weighed.set(name, null) // Met again before it is done, it contains itself.
    const fragment = fragments.get(name)
    const weight = fragment ? weighSet(fragment.selectionSet) : { depth: 0, fields: 0, aliases: 0 }
    weighed.set(name, weight)
    return weight
  }

  const weighSelection = (selection: SelectionNode): Weight | null => {
    switch (selection.kind) {
      case Kind.FRAGMENT_SPREAD:
        return weighFragment(selection.name.value)
      case Kind.INLINE_FRAGMENT:
        return weighSet(selection.selectionSet)
      case Kind.FIELD: {
        const below = selection.selectionSet
          ? weighSet(selection.selectionSet)
          : { depth: 0, fields: 0, aliases: 0 }
        return (
          below && {
            depth: below.depth + (selection.name.value === 'ofType' ? 0 : 1),
            fields: below.fields + 1,
            aliases: below.aliases + (selection.alias ? 1 : 0),
          }
        )
      }
    }
  }

  const weighSet = (selectionSet: SelectionSetNode): Weight | null => {
    const sum: Weight = { depth: 0, fields: 0, aliases: 0 }
    for (const selection of selectionSet.selections) {
      const weight = weighSelection(selection)
      if (weight === null) return null
      sum.depth = Math.max(sum.depth, weight.depth)
      sum.fields += weight.fields
      sum.aliases += weight.aliases
    }
    return sum
  }

  return weighSet
}

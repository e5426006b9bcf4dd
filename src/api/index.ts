import { db } from 'ponder:api'
import schema from 'ponder:schema'
import { Hono } from 'hono'
import { graphql } from 'ponder'

/** GraphQL over the indexed transfers. The limits leave room for the introspection query of a GraphQL client. */
const app = new Hono()
app.use(
  '/graphql',
  graphql({ db, schema }, { maxOperationDepth: 16, maxOperationAliases: 20, maxOperationTokens: 1_000 }),
)

export default app

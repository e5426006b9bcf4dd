import type { IncomingMessage } from 'node:http'

/** What Hono hands to handlers of this API: `incoming` is there when a real socket is (not in `app.request()`). */
export interface ApiEnv {
  Bindings: { incoming?: IncomingMessage }
}

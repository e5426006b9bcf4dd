import type postgres from 'postgres'

type Sql = postgres.Sql<{ bigint: bigint }>
type Transaction = postgres.TransactionSql<{ bigint: bigint }>

/** What may wait for a connection. */
export interface Bounds {
  /** How many statements and transactions may wait; one more is refused at once. */
  waiting: number
  /** How long a statement or a whole transaction may take, waiting included. */
  deadlineMs: number
  /** Cancels what a session runs, on another connection; failing is allowed, for the server has its own timeout. */
  cancel: (pid: number) => void
}

/** There was no connection, or no answer, in the time a request has. Whether a transaction happened is not known. */
export class DatabaseBusy extends Error {
  readonly code = 'DATABASE_BUSY'
}

/** What this file uses of a query of postgres.js 3.4.9 beyond its types; `handler` is called once, when it is to be sent. */
interface Query extends Promise<unknown> {
  handler: (query: Query) => void
  reject: (error: unknown) => void
  /** Of the connection it was given to. */
  state: { pid: number | null } | null
}

/** How long after its cancelling a statement may still answer for itself. */
const CANCEL_GRACE_MS = 500

/**
 * Guards a client of postgres.js: bounds what waits for a connection, gives each statement and transaction a deadline, and
 * reports errors.
 *
 * It also keeps postgres.js 3.4.9 from a crash: in a transaction whose connection has ended, the next statement, and the
 * rollback that follows a failed one, are written to a socket that is not there any more; nobody can catch the error, and the
 * place in the pool is never used again. Here no statement is sent on such a connection, and no rollback needed: `begin`
 * fails when the connection closes.
 */
export function guardQueries(
  client: Sql,
  {
    bounds,
    isLost,
    onError,
  }: {
    bounds: (Bounds & { connections: number }) | null
    /** Whether an error means that its connection is gone. */
    isLost: (error: unknown) => boolean
    onError: (error: unknown) => void
  },
): Sql {
  const slots = bounds === null ? null : createSlots(bounds)

  function statement(query: Query): Query {
    const send = query.handler
    const reject = query.reject
    let isSentAgain = false
    query.reject = (error) => {
      if (isSentAgain || query.state !== null || !isStale(error)) return reject(error)
      isSentAgain = true
      send(query)
    }
    query.handler = () => {
      const leave =
        slots?.enter({
          start: () => send(query),
          refuse: (error) => query.reject(error),
          expire: () => {
            cancel(query)
            setTimeout(() => query.reject(new DatabaseBusy('no answer within the deadline')), CANCEL_GRACE_MS)
          },
        }) ?? (() => {})
      if (slots === null) send(query)
      query.then(leave, (error) => {
        leave()
        onError(error)
      })
    }
    return query
  }

  function cancel(query: Query): void {
    const pid = query.state?.pid
    if (pid) bounds?.cancel(pid)
  }

  /**
   * Whether an error may be that of an earlier connection in the same place: postgres.js keeps what a server said when it ended
   * the connection, and answers with that the first statement on the next one, without having sent it. The server may also
   * have refused the new connection; then asking once more does no harm.
   */
  function isStale(error: unknown): boolean {
    return error instanceof Error && 'severity' in error && isLost(error)
  }

  async function begin(...given: unknown[]): Promise<unknown> {
    const work = given.pop() as (tx: Transaction) => unknown
    const scope: Scope = { over: null, isLost: false, running: new Set() }
    let isEntered = false
    const attempt = () =>
      (client.begin as (...args: unknown[]) => Promise<unknown>)(...given, (tx: Transaction) => {
        isEntered = true
        return within(tx, work, scope)
      })
    const open = () =>
      attempt().catch((error: unknown) => {
        if (isEntered || scope.over !== null || !isStale(error)) throw error
        return attempt()
      })
    let leave = () => {}
    try {
      if (slots === null) return await open()
      return await new Promise((resolve, reject) => {
        leave = slots.enter({
          start: () => open().then(resolve, reject),
          refuse: reject,
          expire: () => {
            scope.over ??= new DatabaseBusy('the transaction took longer than the deadline')
            for (const query of scope.running) cancel(query)
            setTimeout(() => reject(scope.over), CANCEL_GRACE_MS)
          },
        })
      })
    } catch (error) {
      scope.over ??= error
      onError(error)
      throw error
    } finally {
      leave()
    }
  }

  /** Runs the work of a transaction, or of a savepoint in it. After the connection is lost it never ends: `begin` does. */
  async function within(tx: Transaction, work: (tx: Transaction) => unknown, scope: Scope): Promise<unknown> {
    const never = new Promise<never>(() => {})
    try {
      const made = await work(guardTransaction(tx, scope))
      const result = Array.isArray(made) ? await Promise.all(made) : made
      if (scope.over !== null && !scope.isLost) throw scope.over
      return scope.isLost ? never : result
    } catch (error) {
      if (scope.isLost) return never
      throw error
    }
  }

  function guardTransaction(tx: Transaction, scope: Scope): Transaction {
    return new Proxy(tx, {
      apply(target, self, args) {
        const query = Reflect.apply(target as never, self, args) as unknown
        if (!(query instanceof Promise)) return query
        const inner = query as Query
        const send = inner.handler
        inner.handler = () => {
          if (scope.over !== null) return inner.reject(scope.over)
          scope.running.add(inner)
          send(inner)
          inner.then(
            () => scope.running.delete(inner),
            (error) => {
              scope.running.delete(inner)
              if (!isLost(error)) return
              scope.isLost = true
              scope.over ??= error
            },
          )
        }
        return inner
      },
      get(target, name) {
        if (name !== 'savepoint') return Reflect.get(target, name)
        return (...given: unknown[]) => {
          const work = given.pop() as (tx: Transaction) => unknown
          return (target.savepoint as (...args: unknown[]) => Promise<unknown>)(
            ...given,
            (inner: Transaction) => within(inner, work, scope),
          )
        }
      },
    })
  }

  return new Proxy(client, {
    apply(target, self, args) {
      const query = Reflect.apply(target as never, self, args) as unknown
      return query instanceof Promise ? statement(query as Query) : query
    },
    get: (target, name) => (name === 'begin' ? begin : Reflect.get(target, name)),
  })
}

interface Scope {
  /** Why nothing more may be asked in this transaction. */
  over: unknown
  /** Whether its connection is gone. */
  isLost: boolean
  running: Set<Query>
}

interface Turn {
  start: () => void
  /** There is no turn: too many wait, or it waited until the deadline. */
  refuse: (error: DatabaseBusy) => void
  /** The deadline has come while it runs. */
  expire: () => void
}

/** Lets as many run as there are connections, and bounds who waits. Each `enter` returns the function that leaves. */
function createSlots({ connections, waiting: mostWaiting, deadlineMs }: Bounds & { connections: number }) {
  let running = 0
  const waiting = new Set<() => void>()

  function enter({ start, refuse, expire }: Turn): () => void {
    let state: 'waiting' | 'running' | 'left' = 'waiting'
    const deadline = setTimeout(() => {
      if (state === 'running') expire()
      if (state === 'waiting') refuse(new DatabaseBusy('no connection within the deadline'))
    }, deadlineMs)
    function leave() {
      clearTimeout(deadline)
      waiting.delete(run)
      if (state === 'running') {
        running -= 1
        for (const next of waiting) {
          next()
          break
        }
      }
      state = 'left'
    }
    function run() {
      waiting.delete(run)
      state = 'running'
      running += 1
      start()
    }
    if (running < connections) run()
    else if (waiting.size < mostWaiting) waiting.add(run)
    else refuse(new DatabaseBusy('too many wait for a connection'))
    return leave
  }

  return { enter }
}

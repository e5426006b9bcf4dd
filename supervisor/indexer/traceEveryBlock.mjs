// Loaded into the indexer before anything else (`node --import`). Plain JavaScript, because the indexer has its own
// loader.

// Ponder 0.16.10 asks for the traces of each block as a whole, and asks again until it has them: one transaction that no
// node can trace, or whose trace is too large, would stop the index at its block for ever. So where a block's traces are
// missing or too large, its transactions are traced one by one here, and those that cannot be are given an empty call frame.
// Before Ponder sees one, the supervisor has written it down, and the gate looks at each by itself.
//
// To be removed when Ponder goes on by itself.

/** A whole block's traces; larger answers are not read to their end. */
const MAX_BLOCK_BYTES = 32 * 1024 * 1024
/** As many as the gate reads of one transaction. */
const MAX_TRANSACTION_BYTES = 8 * 1024 * 1024
/** Ponder's own time-out is ten seconds; by then it asks anew. */
const TRANSACTION_TIMEOUT_MS = 3_000
const BLOCK_TIMEOUT_MS = 30_000
const ACKNOWLEDGED_WITHIN_MS = 5_000
const MAX_TRACES_AT_ONCE = 4
/** A block is traced one by one after so many failures in this time at least: an RPC that hiccups is only asked again. */
const MIN_FAILURES = 3
const MIN_FAILING_MS = 1_500
/** Where not one transaction of a block can be traced: whether this many blocks below it can be. */
const MAX_BLOCKS_TRIED = 16
const MAX_REMEMBERED = 16

const METHODS = new Set(['debug_traceBlockByHash', 'debug_traceBlockByNumber'])
const NO_METHOD_CODES = new Set([-32601, -32004])
const RATE_LIMIT =
  /too many requests|rate.?limit|\/second|per (?:second|minute|hour|day)\b|\brps\b|capacity|quota|throughput|compute units|throttl/i
const TRACER = { tracer: 'callTracer' }
const ZERO_ADDRESS = `0x${'0'.repeat(40)}`
const EMPTY_FRAME = { type: 'CALL', from: ZERO_ADDRESS, to: ZERO_ADDRESS, value: '0x0', input: '0x' }

const plainFetch = globalThis.fetch

/** By URL and block: how often, and since when, its traces failed. */
const failures = new Map()
/** By URL and block: what is given in place of its traces, while it is made and for a while after. */
const replacements = new Map()

globalThis.fetch = async (input, init) => {
  // Ponder hands in a Request, and its HTTP server wraps `fetch` so that a second argument comes with it.
  if (!(input instanceof Request) || init?.body !== undefined || input.method !== 'POST') {
    return plainFetch(input, init)
  }
  const text = await input.clone().text()
  if (!text.includes('"debug_traceBlockBy')) return plainFetch(input, init)
  const call = parse(text)
  return METHODS.has(call?.method) ? fetchTraces(input, call) : plainFetch(input, init)
}

async function fetchTraces(request, call) {
  const rpc = { url: request.url, headers: [...request.headers].filter(([name]) => name !== 'x-request-id') }
  const key = `${rpc.url} ${call.method} ${call.params[0]}`
  const made = replacements.get(key)
  if (made !== undefined) return answer(call, await made)

  let body
  try {
    const response = await plainFetch(request)
    body = { status: response.status, text: await readText(response, MAX_BLOCK_BYTES) }
  } catch (error) {
    if (isLasting(key)) return answer(call, await replace(key, rpc, call, null))
    throw error
  }
  const { status, text } = body
  const parsed = text === null ? null : parse(text)
  const passOn = () => new Response(text, { status, headers: { 'content-type': 'application/json' } })
  if (text !== null) {
    if (Array.isArray(parsed?.result)) {
      failures.delete(key)
      if (parsed.result.every((entry) => entry?.result)) return passOn()
    } else if (isOfTheRpc(status, parsed) || !isLasting(key)) return passOn()
  }
  const traces = await replace(key, rpc, call, parsed?.result ?? null)
  // Ponder does not survive an entry without a result: it is told to ask again.
  const isWhole = text !== null && !Array.isArray(parsed?.result)
  return traces === null && isWhole ? passOn() : answer(call, traces)
}

/** Whether what failed is the RPC and not this block: Ponder and the supervisor know what to do about that. */
function isOfTheRpc(status, parsed) {
  if (status === 429 || status === 503) return true
  const { code, message } = parsed?.error ?? {}
  return NO_METHOD_CODES.has(code) || code === 429 || RATE_LIMIT.test(String(message ?? ''))
}

function isLasting(key) {
  const now = performance.now()
  const before = failures.get(key) ?? { count: 0, since: now }
  remember(failures, key, { count: before.count + 1, since: before.since })
  return before.count + 1 >= MIN_FAILURES && now - before.since >= MIN_FAILING_MS
}

function remember(map, key, value) {
  if (map.size >= MAX_REMEMBERED && !map.has(key)) map.delete(map.keys().next().value)
  map.set(key, value)
}

/** A JSON-RPC answer with these traces; where there are none, an error at which Ponder asks again. */
function answer(call, traces) {
  const told =
    traces === null ? { error: { code: -32000, message: 'no traces of this block yet' } } : { result: traces }
  const body = JSON.stringify({ jsonrpc: '2.0', id: call.id, ...told })
  return new Response(body, { status: 200, headers: { 'content-type': 'application/json' } })
}

/** Runs on when Ponder has stopped waiting: its next request gets what was made. */
function replace(key, rpc, call, given) {
  const making = makeTraces(rpc, call, given).catch(() => null)
  remember(replacements, key, making)
  void making.then((traces) => {
    // Not for good: the next request tries again.
    if (traces === null && replacements.get(key) === making) replacements.delete(key)
  })
  return making
}

/**
 * A block's traces, one by one, except for those that are given; null where that is impossible, or where the RPC traces
 * nothing at all just now.
 */
async function makeTraces(rpc, { method, params: [tag] }, given) {
  const asked = method === 'debug_traceBlockByHash' ? 'eth_getBlockByHash' : 'eth_getBlockByNumber'
  const block = await ask(rpc, asked, [tag, false])
  if (block === null) return null
  const deadline = performance.now() + BLOCK_TIMEOUT_MS
  const known = new Map(
    (given ?? []).flatMap((entry) => (entry?.result ? [[entry.txHash, entry.result]] : [])),
  )
  const missing = block.transactions.filter((hash) => !known.has(hash))
  let bytesLeft = MAX_BLOCK_BYTES
  const untraced = []
  const queue = [...missing]
  const traceNext = async () => {
    for (let hash = queue.shift(); hash !== undefined; hash = queue.shift()) {
      const trace = await traceOne(rpc, hash, Math.min(MAX_TRANSACTION_BYTES, bytesLeft), deadline)
      if (trace === null) untraced.push(hash)
      else {
        bytesLeft -= trace.bytes
        known.set(hash, trace.frame)
      }
    }
  }
  const traceAll = () => Promise.all(Array.from({ length: MAX_TRACES_AT_ONCE }, traceNext))
  await traceAll()
  if (untraced.length > 0 && known.size === 0) {
    if (!(await tracesAtAll(rpc, BigInt(block.number)))) return null
    // Traces may have come back just now.
    queue.push(...untraced.splice(0))
    await traceAll()
  }
  if (untraced.length > 0) {
    const chainId = Number(await ask(rpc, 'eth_chainId', []))
    await noteUntraced({ chainId, blockNumber: block.number, blockHash: block.hash, txHashes: untraced })
  }
  return block.transactions.map((txHash) => ({ txHash, result: known.get(txHash) ?? { ...EMPTY_FRAME } }))
}

/** The trace of a transaction without what Ponder and our handlers do not read; null where it cannot be had. */
async function traceOne(rpc, hash, maxBytes, deadline) {
  const leftMs = Math.min(TRANSACTION_TIMEOUT_MS, deadline - performance.now())
  if (leftMs <= 0 || maxBytes <= 0) return null
  try {
    const frame = await ask(rpc, 'debug_traceTransaction', [hash, TRACER], { maxBytes, timeoutMs: leftMs })
    if (typeof frame?.type !== 'string') return null
    const open = [frame]
    let bytes = 0
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      one.input = '0x'
      delete one.output
      bytes += 512
      open.push(...(one.calls ?? []))
    }
    return { frame, bytes }
  } catch {
    return null
  }
}

/** If not even blocks below it can be traced, traces are away, and the index waits for them. */
async function tracesAtAll(rpc, number) {
  for (let below = 1n; below <= BigInt(MAX_BLOCKS_TRIED) && below <= number; below++) {
    try {
      const outer = { ...TRACER, tracerConfig: { onlyTopCall: true } }
      const traces = await ask(rpc, 'debug_traceBlockByNumber', [`0x${(number - below).toString(16)}`, outer])
      if (Array.isArray(traces) && (traces.length === 0 || traces.some((entry) => entry?.result))) return true
    } catch {
      // The next one may be.
    }
  }
  return false
}

/** Throws where the RPC answers with an error, too much, or not in time. */
async function ask(
  { url, headers },
  method,
  params,
  { maxBytes = MAX_TRANSACTION_BYTES, timeoutMs = TRANSACTION_TIMEOUT_MS } = {},
) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const signal = AbortSignal.timeout(timeoutMs)
  const response = await plainFetch(url, { method: 'POST', headers, body, signal })
  const parsed = parse((await readText(response, maxBytes)) ?? '')
  if (parsed?.result === undefined) throw new Error(`${method} was not answered`)
  return parsed.result
}

/** null where it is longer. */
async function readText(response, maxBytes) {
  const chunks = []
  let bytes = 0
  // Ended early, the loop cancels what is still to come.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const waiting = new Map()
let messages = 0
if (process.channel) {
  process.on('message', (message) => {
    if (message?.kind === 'untraced_noted') waiting.get(message.id)?.()
  })
  // Listening must not keep the process alive.
  process.channel.unref()
}

/** Resolves once the supervisor has written down what the index will not show. */
function noteUntraced(facts) {
  return new Promise((resolve, reject) => {
    const id = ++messages
    const timer = setTimeout(() => reject(new Error('not noted in time')), ACKNOWLEDGED_WITHIN_MS)
    waiting.set(id, () => {
      clearTimeout(timer)
      waiting.delete(id)
      resolve()
    })
    process.send?.({ kind: 'untraced', id, ...facts })
  })
}

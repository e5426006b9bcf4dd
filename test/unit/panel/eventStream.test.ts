import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type EventStream,
  openEventStream,
  type StreamEvent,
  type StreamState,
} from '../../../panel/api/eventStream.ts'
import { waitUntil } from '../../support/waitUntil.ts'

// Goal: nothing that happens to an account is missed, whatever happens to the connection. Method: a real HTTP server that
// answers each connection as the test says.

type Answer = (request: IncomingMessage, response: ServerResponse) => void

let server: Server
let url: string
let answers: Answer[]
let requests: IncomingMessage[]
let open: EventStream[]

beforeEach(async () => {
  answers = []
  requests = []
  open = []
  server = createServer((request, response) => {
    requests.push(request)
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    answer?.(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/events`
})

afterEach(async () => {
  for (const stream of open) stream.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function follow(
  times: { firstPauseMs?: number; longestPauseMs?: number; silenceMs?: number } = {},
  token = 'token-of-a-wallet',
) {
  const events: StreamEvent[] = []
  const states: StreamState[] = []
  const stream = openEventStream({
    url,
    token,
    onEvent: (event) => events.push(event),
    onState: (state) => states.push(state),
    times: { firstPauseMs: 10, longestPauseMs: 50, silenceMs: 10_000, ...times },
  })
  open.push(stream)
  return { events, states, stream }
}

const within = (what: string) => ({ withinMs: 5_000, what })

const say =
  (...texts: string[]): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    for (const text of texts) response.write(text)
  }
const sayAndEnd =
  (text: string): Answer =>
  (request, response) => {
    say(text)(request, response)
    response.end()
  }
const refuse =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers).end()
  }
const event = (name: string, id: number | null, data: unknown) =>
  `event: ${name}\n${id === null ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`

test('events come as they are told, cut anywhere, with the token in a header and not in the address', async () => {
  const text = event('balance', 7, { balanceMinutes: '60' })
  answers = [
    say(text.slice(0, 9), text.slice(9, 31), text.slice(31), ':\n\n', event('deposit', 8, { id: 'é' })),
  ]
  const { events, states } = follow()
  await waitUntil(() => events.length === 2, within('two events'))
  expect(events).toEqual([
    { name: 'balance', data: { balanceMinutes: '60' } },
    { name: 'deposit', data: { id: 'é' } },
  ])
  expect(states).toEqual(['connecting', 'open'])
  expect(requests[0]?.headers.authorization).toBe('Bearer token-of-a-wallet')
  expect(requests[0]?.url).toBe('/v1/events')
  expect(requests[0]?.headers['last-event-id']).toBeUndefined()
})

test('after a cut it comes back and says what it has seen last; an event without an id does not change that', async () => {
  answers = [
    sayAndEnd(event('balance', 41, {}) + event('deposit', null, { confirmations: 3 })),
    say(event('balance', 42, {})),
  ]
  const { events, states } = follow()
  await waitUntil(() => events.length === 3, within('three events'))
  expect(requests[1]?.headers['last-event-id']).toBe('41')
  expect(states).toEqual(['connecting', 'open', 'lost', 'open'])
})

test('a token that is not good ends it, and nothing is asked again', async () => {
  const isRefused = ({ headers }: IncomingMessage) => headers.authorization === 'Bearer bad'
  answers = [(request, response) => refuse(isRefused(request) ? 401 : 502)(request, response)]
  const refused = follow({ firstPauseMs: 1, longestPauseMs: 1 }, 'bad')
  // Beside it one with a good token, which shows how often it would have been asked again by now.
  follow({ firstPauseMs: 1, longestPauseMs: 1 }, 'good')
  await waitUntil(() => requests.length >= 10, within('ten connections'))
  expect(refused.states).toEqual(['connecting', 'refused'])
  expect(requests.filter(isRefused)).toHaveLength(1)
})

test('where nobody answers it goes on trying, and is there when somebody does', async () => {
  answers = [
    refuse(502),
    refuse(503),
    (_request, response) => response.destroy(),
    say(event('balance', 1, {})),
  ]
  const { events, states } = follow()
  await waitUntil(() => events.length === 1, within('an event after failures'))
  expect(states).toEqual(['connecting', 'lost', 'lost', 'lost', 'open'])
})

test('it waits as long as Retry-After says', async () => {
  answers = [refuse(429, { 'Retry-After': '1' }), say(event('balance', 1, {}))]
  const begun = performance.now()
  const { events } = follow({ firstPauseMs: 1 })
  await waitUntil(() => events.length === 1, within('an event after the pause'))
  expect(performance.now() - begun).toBeGreaterThan(950)
})

test('a connection that has fallen silent is taken for dead', async () => {
  answers = [say(event('balance', 1, {})), say(event('balance', 2, {}))]
  const { events } = follow({ silenceMs: 100 })
  await waitUntil(() => events.length >= 2, within('a second connection'))
  expect(requests[1]?.headers['last-event-id']).toBe('1')
})

test('woken, it does not wait out its pause', async () => {
  answers = [refuse(502), say(event('balance', 1, {}))]
  const { events, states, stream } = follow({ firstPauseMs: 60_000, longestPauseMs: 60_000 })
  await waitUntil(() => states.includes('lost'), within('the first failure'))
  stream.wake()
  await waitUntil(() => events.length === 1, within('an event before the pause is over'))
})

test('closed, it hangs up and says no more', async () => {
  answers = [say(event('balance', 1, {}))]
  const { events, states, stream } = follow()
  await waitUntil(() => events.length === 1, within('an event'))
  const hungUp = new Promise((resolve) => requests[0]?.socket.once('close', resolve))
  stream.close()
  await hungUp
  expect(states).toEqual(['connecting', 'open'])
})

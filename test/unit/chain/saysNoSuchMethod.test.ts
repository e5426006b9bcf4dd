import { describe, expect, test } from 'vitest'
import { RpcError, type RpcFailure, saysNoSuchMethod } from '../../../billing/chain/rpc/rpcError.ts'

const refusal = (message: string, code = -32000, isRateLimit = false) =>
  new RpcError(message, { kind: 'response', code, isRevert: false, isRateLimit })

const transport = (status: number | null, said = '') =>
  new RpcError(`HTTP ${status}`, { kind: 'transport', status, timedOut: false, said })

describe('a method that is not there', () => {
  test.each([
    ['JSON-RPC’s own code', refusal('whatever', -32601)],
    ['that of EIP-1474', refusal('whatever', -32004)],
    ['geth', refusal('the method debug_traceBlockByNumber does not exist/is not available')],
    ['a proxy', refusal('rpc method is not whitelisted')],
    [
      'Alchemy, of the plan',
      refusal('debug_traceBlockByNumber is not available on the Free tier - upgrade to Growth'),
    ],
    [
      'Alchemy, of the chain',
      refusal('Unsupported method: debug_traceBlockByNumber. See available methods at'),
    ],
    ['Nethermind', refusal('Method debug_traceBlockByNumber is not supported')],
    ['Nethermind, of the module', refusal("The namespace 'debug' is not enabled")],
    ['a node of its own', refusal('Method not found')],
    ['HTTP 404 with words', transport(404, 'Method not found')],
    ['HTTP 405 with words', transport(405, '{"message":"method debug_traceBlockByNumber is not allowed"}')],
    ['HTTP 501 with words', transport(501, 'debug_traceBlockByNumber is not implemented')],
  ])('is said by %s', (_name, error) => {
    expect(saysNoSuchMethod(error)).toBe(true)
  })
})

describe('what is refused for another reason is there', () => {
  test.each([
    ['the requests of a second', refusal('exceeded the RPS limit available on the current plan')],
    [
      'the month’s requests',
      refusal('Monthly capacity limit exceeded. Visit the dashboard to upgrade your scaling policy'),
    ],
    ['the moment', refusal('debug_traceBlockByNumber is temporarily disabled')],
    ['the moment, with the code of a missing method', refusal('method is currently not available', -32601)],
    ['a quota', refusal('method debug_traceBlockByNumber not allowed: daily quota reached')],
    ['credits', refusal('method not available: out of credits')],
    ['load', refusal('method not available, node overloaded')],
    ['our rate', refusal('method not allowed', -32000, true)],
    ['a pruned block', refusal('tracing not available for block 5: state is pruned')],
    ['the genesis block', refusal('genesis is not traceable')],
    ['an unknown block', refusal('header not found')],
    ['a key', refusal('API key not allowed')],
    ['an error of its own', refusal('internal error', -32603)],
    ['HTTP 404 without words', transport(404, '<html>Not Found</html>')],
    ['HTTP 404 of a wrong address', transport(404, 'endpoint not found')],
    ['HTTP 403', transport(403, 'method not allowed')],
    ['HTTP 429', transport(429, 'method not allowed')],
    ['HTTP 500', transport(500, 'method not found')],
    ['no connection', transport(null)],
    ['another error', new Error('method not found')],
  ])('because of %s', (_name, error) => {
    expect(saysNoSuchMethod(error)).toBe(false)
  })

  test.each<RpcFailure>([{ kind: 'shape' }, { kind: 'too_large' }, { kind: 'backing_off' }])(
    'because the RPC failed: $kind',
    (failure) => {
      expect(saysNoSuchMethod(new RpcError('method not found', failure))).toBe(false)
    },
  )
})

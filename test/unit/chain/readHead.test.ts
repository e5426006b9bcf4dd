import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { readHead } from '../../../billing/chain/readHead.ts'
import { type RpcEndpoint, RpcErrorResponse } from '../../../billing/chain/rpc/rpcEndpoint.ts'

const HASH = `0x${'ab'.repeat(32)}`

/** An RPC at head 1000 that answers the question for the finalized block in its own way. */
function endpoint(finalized: () => unknown): RpcEndpoint {
  return {
    label: 'rpc 1 (test)',
    client: undefined as never,
    async request<schema extends z.ZodType>(method: string, params: unknown[], schema: schema) {
      const answer = () => {
        if (method === 'eth_chainId') return '0x1'
        return params[0] === 'finalized' ? finalized() : { number: '0x3e8', hash: HASH, timestamp: '0x64' }
      }
      return schema.parse(answer())
    },
  }
}

const fails = (error: unknown) => () => {
  throw error
}

describe('the finalized block', () => {
  test('is what the node says', async () => {
    const node = endpoint(() => ({ number: '0x3a0', hash: HASH, timestamp: '0x60' }))
    expect(await readHead([node], 1)).toMatchObject({ kind: 'agreed', head: { finalizedNumber: 928n } })
  })

  test.each([
    ['null', () => null],
    ['geth’s error', fails(new RpcErrorResponse('', { code: -39001, message: 'finalized block not found' }))],
    ['invalid params', fails(new RpcErrorResponse('', { code: -32602, message: 'invalid argument 0' }))],
  ])('is 256 below the head where the node knows no such tag: %s', async (_name, said) => {
    expect(await readHead([endpoint(said)], 1)).toMatchObject({ head: { finalizedNumber: 744n } })
  })

  test.each([
    ['no answer', fails(new Error('connection refused'))],
    [
      'a rate limit',
      fails(new RpcErrorResponse('', { code: -32005, message: 'daily request count exceeded' })),
    ],
  ])('that cannot be asked for is not taken for a chain without finality: %s', async (_name, said) => {
    expect(await readHead([endpoint(said)], 1)).toMatchObject({ kind: 'unavailable' })
  })
})

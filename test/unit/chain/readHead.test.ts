import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { planFinality, readHead } from '../../../billing/chain/readHead.ts'
import type { RpcEndpoint } from '../../../billing/chain/rpc/rpcEndpoint.ts'
import { RpcError } from '../../../billing/chain/rpc/rpcError.ts'

const HASH = `0x${'ab'.repeat(32)}`

/** An RPC at head 1000 that answers the question for the finalized block in its own way. */
function endpoint(finalized: () => unknown): RpcEndpoint {
  return {
    label: 'rpc 1 (test)',
    trouble: () => null,
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
const refuses = (code: number, message: string, isRateLimit = false) =>
  fails(new RpcError(message, { kind: 'response', code, isRevert: false, isRateLimit }))

describe('the finalized block', () => {
  test('is what the node says', async () => {
    const node = endpoint(() => ({ number: '0x3a0', hash: HASH, timestamp: '0x60' }))
    expect(await readHead([node], 1)).toMatchObject({ kind: 'agreed', head: { finalizedNumber: 928n } })
  })

  test.each([
    ['null', () => null],
    ['geth’s error', refuses(-39001, 'finalized block not found')],
    ['invalid params', refuses(-32602, 'invalid argument 0')],
  ])('is 256 below the head where the node knows no such tag: %s', async (_name, said) => {
    expect(await readHead([endpoint(said)], 1)).toMatchObject({ head: { finalizedNumber: 744n } })
  })

  test.each([
    ['no answer', fails(new Error('connection refused'))],
    ['a rate limit', refuses(-32005, 'daily request count exceeded', true)],
    ['an error of the node', refuses(-32603, 'internal error')],
  ])('that cannot be asked for is not taken for a chain without finality: %s', async (_name, said) => {
    expect(await readHead([endpoint(said)], 1)).toMatchObject({ kind: 'unavailable' })
  })
})

describe('a finalized block that is not below the confirmations', () => {
  const final = (latest: bigint, finalized: bigint | null) =>
    planFinality({ number: latest }, finalized === null ? null : { number: finalized }, 6)

  test.each([
    ['the newest block itself', 1000n],
    ['one that a credit of six confirmations could still be above', 994n],
    ['one above the newest', 2000n],
  ])('is none: %s', (_name, finalized) => {
    expect(final(1000n, finalized)).toEqual({ finalizedNumber: 744n, isFinalityDoubtful: true })
  })

  test.each([
    ['one below', 1000n, 993n, 993n],
    ['that of Ethereum', 1000n, 936n, 936n],
    ['none yet, on a chain that has just begun', 3n, 0n, 0n],
  ])('is one: %s', (_name, latest, finalized, expected) => {
    expect(final(latest, finalized)).toEqual({ finalizedNumber: expected, isFinalityDoubtful: false })
  })

  test('is no alarm where there is none', () => {
    expect(final(1000n, null)).toEqual({ finalizedNumber: 744n, isFinalityDoubtful: false })
  })
})

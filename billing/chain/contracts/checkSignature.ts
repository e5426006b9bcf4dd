import { pause } from '../../clock/pause.ts'
import { readHead } from '../readHead.ts'
import { readSignature, type SignatureQuestion } from '../readSignature.ts'
import { type Agreed, agree } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'

/** Somebody waits for it in front of a page. */
const PATIENCE_MS = 12_000

/**
 * Asks all RPCs of a chain whether a contract takes a signature for its own, after the newest block that they agree on: a
 * single lying one can not sign anybody in (ADR 0008). It is over within twelve seconds, `unavailable` then.
 */
export async function checkSignature(
  endpoints: RpcEndpoint[],
  chainId: number,
  question: SignatureQuestion,
  { patienceMs = PATIENCE_MS }: { patienceMs?: number } = {},
): Promise<Agreed<boolean>> {
  const over = new AbortController()
  const late = pause(patienceMs, over.signal).then(
    (): Agreed<boolean> => ({ kind: 'unavailable', detail: 'there was no answer in time' }),
  )
  try {
    return await Promise.race([askAll(endpoints, chainId, question), late])
  } finally {
    over.abort()
  }
}

async function askAll(
  endpoints: RpcEndpoint[],
  chainId: number,
  question: SignatureQuestion,
): Promise<Agreed<boolean>> {
  const reading = await readHead(endpoints, chainId)
  if (reading.kind !== 'agreed') return { kind: reading.kind, detail: reading.problem }
  const { number: blockNumber } = reading.head
  return agree(endpoints, (endpoint) => readSignature(endpoint, { ...question, chainId, blockNumber }))
}

import DataLoader from 'dataloader'
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionParameters,
  type ContractFunctionReturnType,
  type CustomTransport,
  createClient,
  custom,
  decodeFunctionResult,
  type Hex,
  multicall3Abi,
} from 'viem'
import { multicall } from 'viem/actions'
import { z } from 'zod'
import type { RpcEndpoint } from './rpcEndpoint.ts'
import { refusalOf, shapeError } from './rpcError.ts'

/** The outcome of one contract call; `failed`: it reverted, its answer had another shape, or there is no contract. */
export type CallOutcome<value> = { kind: 'answered'; value: value } | { kind: 'failed' }

type ReadOnly = 'view' | 'pure'

/** One contract call. */
export type StateCall<
  abi extends Abi | readonly unknown[] = Abi,
  name extends ContractFunctionName<abi, ReadOnly> = ContractFunctionName<abi, ReadOnly>,
  args extends ContractFunctionArgs<abi, ReadOnly, name> = ContractFunctionArgs<abi, ReadOnly, name>,
> = ContractFunctionParameters<abi, ReadOnly, name, args>

/** A chain's state after one block, as one RPC has it. */
export interface ChainState {
  /**
   * Calls a contract. Calls made in the same tick share one eth_call, so make them all before awaiting any.
   *
   * A contract that fails does not affect the other calls. Throws StateUnavailableError when the node no longer has the state; throws whatever
   * `RpcEndpoint.request` does when the RPC fails.
   */
  read<
    const abi extends Abi | readonly unknown[],
    name extends ContractFunctionName<abi, ReadOnly>,
    const args extends ContractFunctionArgs<abi, ReadOnly, name>,
  >(
    call: StateCall<abi, name, args>,
  ): Promise<CallOutcome<ContractFunctionReturnType<abi, ReadOnly, name, args>>>
}

/**
 * Calls in one eth_call. The calls travel inside initcode, which may have 49152 bytes (EIP-3860); viem's own code takes
 * 6 kB of that and a call some 250 bytes.
 */
const MAX_CALLS_PER_REQUEST = 150

/**
 * Opens the state after a block. Nothing is asked until the first `read`. viem ships the multicall code with the call, so
 * nothing needs to be deployed on the chain.
 */
export function openState(endpoint: RpcEndpoint, block: bigint | 'latest'): ChainState {
  const loader = new DataLoader<ContractFunctionParameters, CallOutcome<unknown>>(
    (calls) => readTogether(endpoint, block, calls),
    { cache: false, maxBatchSize: MAX_CALLS_PER_REQUEST },
  )
  return {
    // What the loader returns for a call is what viem decoded with that call's ABI.
    read: (call) => loader.load(call as unknown as ContractFunctionParameters) as Promise<CallOutcome<never>>,
  }
}

async function readTogether(
  endpoint: RpcEndpoint,
  block: bigint | 'latest',
  calls: readonly ContractFunctionParameters[],
): Promise<CallOutcome<unknown>[]> {
  const { client, failure } = watchedClient(endpoint, calls.length)
  const results = await multicall(client, {
    contracts: calls,
    deployless: true,
    batchSize: 0,
    ...(block === 'latest' ? { blockTag: block } : { blockNumber: block }),
    allowFailure: true,
  })
  const failed = failure()
  if (failed !== null) throw isStateGone(failed.why) ? new StateUnavailableError(GONE) : failed.why
  return results.map(({ status, result }) =>
    status === 'success' ? { kind: 'answered', value: result } : { kind: 'failed' },
  )
}

/**
 * A client that remembers whether the eth_call itself failed. viem's multicall reports that just as it reports a contract
 * that reverted: as a failure of each call. The two must never be confused: one is about the node, the other about the
 * contract.
 */
function watchedClient(endpoint: RpcEndpoint, callCount: number) {
  let failure: { why: unknown } | null = null
  const request: Parameters<typeof custom>[0]['request'] = async ({ method, params }) => {
    try {
      const answer = await endpoint.request(method, params ?? [], callAnswer)
      requireResults(answer, callCount)
      return answer
    } catch (why) {
      failure = { why }
      throw why
    }
  }
  // The endpoint has already retried what is worth retrying.
  const client = createClient<CustomTransport>({ transport: custom({ request }, { retryCount: 0 }) })
  return { client, failure: () => failure as { why: unknown } | null }
}

const callAnswer = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})+$/)
  .transform((answer) => answer as Hex)

/** Throws unless this is the multicall code's answer to that many calls: otherwise the code never ran. */
function requireResults(answer: Hex, callCount: number): void {
  try {
    const results = decodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', data: answer })
    if (results.length === callCount) return
  } catch {
    // The bytes are no list of results.
  }
  throw shapeError('eth_call')
}

const GONE = 'no longer has the state of that block'

/**
 * What nodes say when a block's state is gone: geth "missing trie node", "historical state … is not available",
 * EIP-4444's 4444 "pruned history unavailable", erigon and nethermind variants of it, anvil "block out of range".
 */
const STATE_GONE =
  /missing trie node|state.*(not|un)\s?available|pruned|historical state|header not found|out of range|no state|too old/i

function isStateGone(error: unknown): boolean {
  const refusal = refusalOf(error)
  return refusal !== null && STATE_GONE.test(refusal.message)
}

/**
 * A node no longer has the state of a block, or a contract does not answer there. Thrown where the state is read, caught
 * once where the question is answered, as `state_unavailable`. The message continues a sentence that starts with the RPC's
 * name.
 */
export class StateUnavailableError extends Error {
  override name = 'StateUnavailableError'
}

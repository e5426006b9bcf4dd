import type { Address, Hash } from 'viem'
import type { OracleReading } from '../pricing/oracleReading.ts'
import { checkSignature, type SignatureQuestion } from './contracts/checkSignature.ts'
import { readAxgtBalancesAt } from './contracts/readBalances.ts'
import { readOracleAt } from './contracts/readOracle.ts'
import type { Evidence, EvidenceContext, EvidenceRequest } from './proof/evidence.ts'
import { type FoundTransfer, findTransfers, type SearchRange } from './proof/findTransfers.ts'
import { locateTransaction, type TransactionLocation } from './proof/locateTransaction.ts'
import { planEvidence } from './proof/planEvidence.ts'
import { previewTransaction, type TransactionPreview } from './proof/previewTransaction.ts'
import { readEtherGain } from './proof/readEther.ts'
import { readEvidence } from './proof/readEvidence.ts'
import { type HeadReading, readCanonicalHash, readHead, readHeader } from './readHead.ts'
import { type Agreed, agree, gather } from './rpc/agree.ts'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'

/**
 * Every question the service asks a chain. It is passed in, so tests can drive the very code that credits money in
 * production.
 */
export interface ChainReader {
  readHead(): Promise<HeadReading>
  readCanonicalHash(blockNumber: bigint): Promise<Agreed<Hash>>
  readEvidence(request: EvidenceRequest): Promise<Agreed<Evidence>>
  /** Agreed null: in no block. */
  locate(txHash: Hash): Promise<Agreed<TransactionLocation | null>>
  /** Whether any RPC knows the hash, and what the transaction would pay by its own fields. */
  preview(txHash: Hash): Promise<TransactionPreview>
  /** Token transfers to the wallet, and ETH transfers if asked for, in a range of blocks: all that any RPC shows. */
  findTransfers(range: SearchRange): Promise<FoundTransfer[]>
  /** How much ETH came to the wallet with a block, in wei; only to tell whether something is missing. */
  readEtherGain(block: { number: bigint; hash: Hash }): Promise<Agreed<bigint>>
  /** When a block was made, in seconds; null when no RPC says. For display only, never for decisions. */
  readTimestamp(blockNumber: bigint): Promise<bigint | null>
  /** The AXGT that each of these wallets holds after a block, in base units; null where the chain has no AXGT. */
  readAxgtBalances(holders: Address[], blockNumber: bigint): Promise<Agreed<bigint[]> | null>
  /** What the price sources say after a block; null where no price comes from the chain. */
  readOracle(blockNumber: bigint): Promise<Agreed<OracleReading> | null>
  /** Whether a contract, deployed (ERC-1271) or not yet (ERC-6492), accepts a signature as its own now. */
  checkSignature(question: SignatureQuestion): Promise<Agreed<boolean>>
}

/**
 * Reads a chain through its RPCs, believing only what they agree on.
 *
 * @param options `confirmations`: those that a credit takes, by which {@link readHead} judges what is called final.
 */
export function createChainReader(
  endpoints: RpcEndpoint[],
  context: EvidenceContext,
  { confirmations }: { confirmations?: number } = {},
): ChainReader {
  const { chainId, axgtToken, oracle } = context
  return {
    readHead: () => readHead(endpoints, chainId, confirmations),
    readCanonicalHash: (blockNumber) => readCanonicalHash(endpoints, chainId, blockNumber),
    async readEvidence(request) {
      const readings = await gather(endpoints, (endpoint) => readEvidence(endpoint, context, request))
      return planEvidence(request, readings)
    },
    locate: (txHash) => locateTransaction(endpoints, chainId, txHash),
    preview: (txHash) => previewTransaction(endpoints, context, txHash),
    findTransfers: (range) => findTransfers(endpoints, context, range),
    readEtherGain: (block) => agree(endpoints, (endpoint) => readEtherGain(endpoint, context, block)),
    async readTimestamp(blockNumber) {
      const ask = async (endpoint: RpcEndpoint) => {
        const block = await readHeader(endpoint, blockNumber)
        if (block === null) return { kind: 'behind' as const }
        return { kind: 'answer' as const, value: block.timestamp }
      }
      // Only shown: the first answer will do.
      const answers = await gather<bigint>(endpoints, ask, (given) => (given.length > 0 ? 0 : null))
      return answers.find((answer) => answer.kind === 'answer')?.value ?? null
    },
    async readAxgtBalances(holders, blockNumber) {
      if (axgtToken === null) return null
      const question = { chainId, axgtToken, holders, blockNumber }
      return agree(endpoints, (endpoint) => readAxgtBalancesAt(endpoint, question))
    },
    async readOracle(blockNumber) {
      if (oracle === null) return null
      return agree(endpoints, (endpoint) => readOracleAt(endpoint, chainId, oracle, blockNumber))
    },
    checkSignature: (question) => checkSignature(endpoints, chainId, question),
  }
}

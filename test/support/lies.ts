import { type Address, encodeFunctionData, type Hash, parseEther, parseUnits } from 'viem'
import type { TestChain, TestToken } from './createChain.ts'
import type { RpcProxy } from './createRpcProxy.ts'
import { newSigner, type Signed } from './newSigner.ts'

/** Each gives an hour, at the prices of every test. */
export const HOUR = 3_600_000_000n
const ETHER = parseEther('0.0005')
const DOLLAR = parseUnits('1', 6)

export interface LiePlace {
  chain: TestChain
  usdc: TestToken
}

export interface LiedPayment extends Signed {
  payer: Address
  micros: bigint
}

/** Something that an RPC says of one payment for a while, and that is not so. */
export interface Lie {
  name: string
  reason: 'payment_not_seen' | 'rpc_disagreement'
  /** Makes all ready and signs the payment. It is not sent yet, and can be sent again after a reorg. */
  sign(place: LiePlace): Promise<LiedPayment>
  /** Has a proxy lie about that transaction by every method that tells of it, except eth_getLogs. */
  tell(proxy: RpcProxy, hash: Hash): void
}

type Wire = Record<string, unknown>

/** Changes what every method says of one transaction's receipt. */
function lieOfReceipt(proxy: RpcProxy, hash: Hash, change: (receipt: Wire) => Wire): void {
  proxy.lie('eth_getTransactionReceipt', (result, [asked]) =>
    asked === hash && result !== null ? change(result as Wire) : result,
  )
  proxy.lie('eth_getBlockReceipts', (result) =>
    (result as Wire[] | null)?.map((one) => (one.transactionHash === hash ? change(one) : one)),
  )
}

function lieOfTrace(proxy: RpcProxy, hash: Hash, change: (frame: Wire) => Wire): void {
  proxy.lie('debug_traceTransaction', (result, [asked]) => (asked === hash ? change(result as Wire) : result))
  for (const method of ['debug_traceBlockByHash', 'debug_traceBlockByNumber']) {
    proxy.lie(method, (result) =>
      (result as { txHash: Hash; result: Wire }[]).map((one) =>
        one.txHash === hash ? { ...one, result: change(one.result) } : one,
      ),
    )
  }
}

function lieOfTransaction(proxy: RpcProxy, hash: Hash, change: (sent: Wire) => Wire): void {
  proxy.lie('eth_getTransactionByHash', (result, [asked]) =>
    asked === hash && result !== null ? change(result as Wire) : result,
  )
  for (const method of ['eth_getBlockByNumber', 'eth_getBlockByHash']) {
    proxy.lie(method, (result, [, isFull]) => {
      const block = result as { transactions: Wire[] } | null
      if (isFull !== true || block === null) return result
      return {
        ...block,
        transactions: block.transactions.map((one) => (one.hash === hash ? change(one) : one)),
      }
    })
  }
}

async function payDollar({ chain, usdc }: LiePlace): Promise<LiedPayment> {
  const payer = await newSigner(chain, [usdc])
  return { ...(await payer.payToken(usdc, DOLLAR)), payer: payer.address, micros: HOUR }
}

async function payEther({ chain }: LiePlace): Promise<LiedPayment> {
  const payer = await newSigner(chain)
  return { ...(await payer.payEther(ETHER)), payer: payer.address, micros: HOUR }
}

/** A contract pays a dollar twice in one transaction. */
async function payTwoDollars({ chain, usdc }: LiePlace): Promise<LiedPayment> {
  const contract = await chain.deploy('Bundler')
  await chain.mineWith(chain.mintToken(usdc, contract.address, 2n * DOLLAR))
  const args = [chain.accounts.revenue, DOLLAR]
  const data = encodeFunctionData({ abi: usdc.abi, functionName: 'transfer', args })
  const step = { to: usdc.address, value: 0n, data }
  const signer = await newSigner(chain)
  return {
    ...(await signer.call(contract, 'run', [[step, step]])),
    payer: contract.address,
    micros: 2n * HOUR,
  }
}

/** A contract pays ETH from within, once or more often. */
function payInside(...values: bigint[]) {
  return async ({ chain }: LiePlace): Promise<LiedPayment> => {
    const contract = await chain.deploy('MultiPayer')
    const value = values.reduce((sum, one) => sum + one, 0n)
    const signer = await newSigner(chain)
    const signed = await signer.call(contract, 'payEth', [chain.accounts.revenue, values], value)
    return { ...signed, payer: contract.address, micros: BigInt(values.length) * HOUR }
  }
}

const withoutLogs: Lie['tell'] = (proxy, hash) =>
  lieOfReceipt(proxy, hash, (receipt) => ({ ...receipt, logs: [] }))
const failed: Lie['tell'] = (proxy, hash) =>
  lieOfReceipt(proxy, hash, (receipt) => ({ ...receipt, status: '0x0' }))

export const lies: Lie[] = [
  { name: 'a receipt without its logs', reason: 'payment_not_seen', sign: payDollar, tell: withoutLogs },
  {
    name: 'a receipt with one of two logs',
    reason: 'rpc_disagreement',
    sign: payTwoDollars,
    tell: (proxy, hash) =>
      lieOfReceipt(proxy, hash, (receipt) => ({ ...receipt, logs: (receipt.logs as Wire[]).slice(1) })),
  },
  { name: 'status 0x0 of a token payment', reason: 'payment_not_seen', sign: payDollar, tell: failed },
  { name: 'status 0x0 of a plain payment', reason: 'payment_not_seen', sign: payEther, tell: failed },
  {
    name: 'the value 0 of a plain payment',
    reason: 'payment_not_seen',
    sign: payEther,
    tell(proxy, hash) {
      lieOfTransaction(proxy, hash, (sent) => ({ ...sent, value: '0x0' }))
      lieOfTrace(proxy, hash, (frame) => ({ ...frame, value: '0x0' }))
    },
  },
  {
    name: 'half the value of a plain payment',
    reason: 'rpc_disagreement',
    sign: payEther,
    tell(proxy, hash) {
      const half = `0x${(ETHER / 2n).toString(16)}`
      lieOfTransaction(proxy, hash, (sent) => ({ ...sent, value: half }))
      lieOfTrace(proxy, hash, (frame) => ({ ...frame, value: half }))
    },
  },
  {
    name: 'a trace without its inner calls',
    reason: 'payment_not_seen',
    sign: payInside(ETHER),
    tell: (proxy, hash) => lieOfTrace(proxy, hash, ({ calls, ...frame }) => frame),
  },
  {
    name: 'a trace without one of two inner calls',
    reason: 'rpc_disagreement',
    sign: payInside(ETHER, ETHER),
    tell: (proxy, hash) =>
      lieOfTrace(proxy, hash, (frame) => ({ ...frame, calls: (frame.calls as Wire[]).slice(1) })),
  },
]

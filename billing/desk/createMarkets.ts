import DataLoader from 'dataloader'
import pLimit from 'p-limit'
import type { Address } from 'viem'
import type { Head } from '../chain/readHead.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { GateChain, GateDeps } from '../gate/gateDeps.ts'
import type { OracleReading } from '../pricing/oracleReading.ts'

/** A head is used this long: a public route must not cost an RPC call for each request. */
const MAX_HEAD_AGE_MS = 2_000
/** Wallets requested within this time are read with one call. */
const BATCH_WINDOW_MS = 20
const MAX_WALLETS_PER_CALL = 150
/** Wallets that may wait for an answer: ten calls' worth. Later requests are told to come back. */
const MAX_WALLETS_WAITING = 1_500
/** The longest wait for an answer: a hanging RPC must not make a public route hang. */
const MAX_WAIT_MS = 5_000
/** Wallets remembered for one block, which may last long if the chain halts. */
const MAX_WALLETS_REMEMBERED = 20_000

/** What a chain says at its newest block; the chain is asked each question once, however many callers ask it. */
export interface Market {
  head: Head
  /** null where no price sources are configured. */
  readOracle(): Promise<Agreed<OracleReading> | null>
  /** null where the chain has no AXGT; `busy` while too many wallets are waiting. */
  readAxgtBalance(holder: Address): Promise<Agreed<bigint> | { kind: 'busy' } | null>
}

/**
 * Keeps what was read at the newest block of each chain, for as long as it is the newest. The head is read at most every two
 * seconds, prices once per block, and the AXGT of wallets in calls of up to 150, one call at a time per head: the load on
 * the RPCs is bounded per second, however many callers there are. Nobody waits for longer than five seconds.
 */
export function createMarkets(deps: Pick<GateDeps, 'clock'>): {
  newest(chain: GateChain): Promise<Market | null>
} {
  const kept = new Map<number, { readAt: number; market: Promise<Market | null> }>()

  async function readMarket(chain: GateChain, before: Promise<Market | null> | undefined) {
    const reading = await chain.reader.readHead()
    if (reading.kind !== 'agreed') return null
    const known = await before
    return known?.head.hash === reading.head.hash ? known : openMarket(chain, reading.head)
  }

  return {
    newest(chain) {
      const now = deps.clock().getTime()
      const current = kept.get(chain.chainId)
      if (current !== undefined && Math.abs(now - current.readAt) < MAX_HEAD_AGE_MS) return current.market
      const market = readMarket(chain, current?.market)
      kept.set(chain.chainId, { readAt: now, market })
      return market
    },
  }
}

function openMarket(chain: GateChain, head: Head): Market {
  let oracle: Promise<Agreed<OracleReading> | null> | null = null
  const wallets = createWalletReader(chain, head)
  return {
    head,
    readAxgtBalance: wallets,
    readOracle() {
      oracle ??= chain.reader.readOracle(head.number).then((read) => {
        if (read?.kind === 'agreed' && read.value.block.hash === head.hash) return read
        // A failure is not kept: the next caller asks again.
        oracle = null
        return read?.kind === 'agreed' ? { kind: 'behind' } : read
      })
      return withPatience(oracle)
    },
  }
}

function createWalletReader(chain: GateChain, head: Head): Market['readAxgtBalance'] {
  const limit = pLimit(1)
  const read = async (holders: readonly Address[]): Promise<(Agreed<bigint> | null)[]> => {
    const balances = await limit(() => chain.reader.readAxgtBalances([...holders], head.number))
    if (balances?.kind !== 'agreed') return holders.map(() => balances)
    return holders.map((_, index) => ({ kind: 'agreed', value: balances.value[index] ?? 0n }))
  }
  const loader = new DataLoader(read, {
    maxBatchSize: MAX_WALLETS_PER_CALL,
    batchScheduleFn: (dispatch) => setTimeout(dispatch, BATCH_WINDOW_MS),
  })
  let remembered = 0
  let waiting = 0
  return async (holder) => {
    if (waiting >= MAX_WALLETS_WAITING) return { kind: 'busy' }
    remembered += 1
    if (remembered > MAX_WALLETS_REMEMBERED) {
      loader.clearAll()
      remembered = 1
    }
    waiting += 1
    try {
      const balance = await withPatience(loader.load(holder))
      if (balance !== null && balance.kind !== 'agreed') loader.clear(holder)
      return balance
    } finally {
      waiting -= 1
    }
  }
}

async function withPatience<value>(answer: Promise<Agreed<value> | null>): Promise<Agreed<value> | null> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<Agreed<value>>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'unavailable', detail: 'no answer in time' }), MAX_WAIT_MS)
  })
  try {
    return await Promise.race([answer, patience])
  } finally {
    clearTimeout(timer)
  }
}

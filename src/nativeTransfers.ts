import { ponder } from 'ponder:registry'
import { transfer } from 'ponder:schema'

/** Ponder 0.16.10 types the chain of an account's events as never; at run time it is as everywhere else. */
type ChainOfAccount = { id: number }

/**
 * The call frames in which ETH moves to their `to`. Ponder raises `transfer:to` for every frame with a value that aims at the
 * wallet, also DELEGATECALL and CALLCODE, where the value stays where it is: recording those would be money for nothing.
 */
const MOVING_FRAMES: ReadonlySet<string> = new Set(['CALL', 'SELFDESTRUCT'])

// Ponder leaves out frames that failed and, handing each error down the tree, those below a frame that failed. It takes
// that from `error` fields alone, and from one RPC. So the gate proves each deposit again before it is credited: on the
// trace itself, with every ancestor's outcome and the receipt's status, on all RPCs.
ponder.on('TracedWallet:transfer:to', async ({ event, context }) => {
  if (!MOVING_FRAMES.has(event.trace.type) || event.trace.error !== undefined) return
  if (event.transfer.value === 0n) return
  const chain: ChainOfAccount = context.chain
  await context.db.insert(transfer).values({
    id: `${chain.id}-${event.id}`,
    chainId: chain.id,
    asset: 'eth',
    token: null,
    payer: event.transfer.from,
    amount: event.transfer.value,
    txHash: event.transaction.hash,
    blockNumber: event.block.number,
    blockHash: event.block.hash,
    blockTimestamp: event.block.timestamp,
    logIndex: null,
    traceIndex: event.trace.traceIndex,
  })
})

// Ponder leaves out transactions that failed, by their receipt.
ponder.on('PlainWallet:transaction:to', async ({ event, context }) => {
  if (event.transaction.value === 0n) return
  const chain: ChainOfAccount = context.chain
  await context.db.insert(transfer).values({
    id: `${chain.id}-${event.id}`,
    chainId: chain.id,
    asset: 'eth',
    token: null,
    payer: event.transaction.from,
    amount: event.transaction.value,
    txHash: event.transaction.hash,
    blockNumber: event.block.number,
    blockHash: event.block.hash,
    blockTimestamp: event.block.timestamp,
    logIndex: null,
    traceIndex: null,
  })
})

import { type IndexingFunctionArgs, ponder } from 'ponder:registry'
import { transfer } from 'ponder:schema'

ponder.on('Usdc:Transfer', (args) => recordTokenTransfer('usdc', args))
ponder.on('Axgt:Transfer', (args) => recordTokenTransfer('axgt', args))

type TransferArgs = IndexingFunctionArgs<'Usdc:Transfer'> | IndexingFunctionArgs<'Axgt:Transfer'>

/** Records and judges nothing. Only zero amounts are dropped: anybody can write any number of those, for nothing. */
async function recordTokenTransfer(asset: 'usdc' | 'axgt', { event, context }: TransferArgs) {
  if (event.args.value === 0n) return
  await context.db.insert(transfer).values({
    id: `${context.chain.id}-${event.id}`,
    chainId: context.chain.id,
    asset,
    token: event.log.address,
    payer: event.args.from,
    amount: event.args.value,
    txHash: event.transaction.hash,
    blockNumber: event.block.number,
    blockHash: event.block.hash,
    blockTimestamp: event.block.timestamp,
    logIndex: event.log.logIndex,
    traceIndex: null,
  })
}

import { type IndexingFunctionArgs, ponder } from 'ponder:registry'
import { transfer } from 'ponder:schema'

ponder.on('Usdc:Transfer', (args) => recordTokenTransfer('usdc', args))
ponder.on('Axgt:Transfer', (args) => recordTokenTransfer('axgt', args))

type TransferArgs = IndexingFunctionArgs<'Usdc:Transfer'> | IndexingFunctionArgs<'Axgt:Transfer'>

/**
 * Records and judges nothing. Only zero amounts are dropped, which anybody can write any number of, for nothing; and logs
 * that Ponder can decode and that are none of EIP-20, which no receipt would ever be found to confirm.
 */
async function recordTokenTransfer(asset: 'usdc' | 'axgt', { event, context }: TransferArgs) {
  if (event.args.value === 0n || !isStandard(event.log)) return
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

/** Three topics, the addresses in the lower 20 bytes of theirs, and one word of data. */
function isStandard({ topics, data }: TransferArgs['event']['log']): boolean {
  const [, from, to, surplus] = topics
  const isAddress = (topic: string | null | undefined) => topic?.startsWith(`0x${'00'.repeat(12)}`) ?? false
  return surplus == null && isAddress(from) && isAddress(to) && data.length === 66
}

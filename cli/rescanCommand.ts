import { Command, Option } from 'commander'
import { railOf } from '../billing/deposits/deposit.ts'
import type { GateDeps } from '../billing/gate/gateDeps.ts'
import { rescan } from '../billing/gate/jobs/rescan.ts'
import { type Cli, exitCodes } from './cli.ts'
import { integerArgument } from './parseArguments.ts'
import { withGate } from './withGate.ts'

interface Options {
  chain: number
  from: number
  to?: number
  tokensOnly?: boolean
  json?: boolean
}

const blockNumber = integerArgument(0, Number.MAX_SAFE_INTEGER)

/** `credits rescan`: searches blocks on the RPCs for payments that are not recorded. */
export function rescanCommand({ terminal, end }: Cli): Command {
  return new Command('rescan')
    .summary('search blocks for payments that are not recorded')
    .description(
      'Searches a range of blocks on the RPCs, without the indexer, and records what pays the revenue wallet; the ' +
        'service then proves and credits it like any other payment. What is already recorded stays as it is, so it can ' +
        'be repeated. Looking for ETH costs two requests per block. Needs all settings of the service.',
    )
    .addOption(
      new Option('--chain <chainId>', 'which chain')
        .argParser(integerArgument(1, Number.MAX_SAFE_INTEGER))
        .makeOptionMandatory(),
    )
    .addOption(new Option('--from <block>', 'first block').argParser(blockNumber).makeOptionMandatory())
    .addOption(new Option('--to <block>', 'last block; the newest one if not given').argParser(blockNumber))
    .option('--tokens-only', 'do not look for ETH')
    .option('--json', 'print JSON: {found, recorded, fromBlock, toBlock}')
    .addHelpText('after', '\nExample:\n  $ npm run credits -- rescan --chain 1 --from 21000000 --to 21000100')
    .action(({ chain, from, to, tokensOnly = false, json = false }: Options) =>
      withGate(terminal, async (deps) => {
        if (!deps.chains.has(chain)) {
          terminal.complain(`Chain ${chain} is not configured (RAILS).`)
          return end(exitCodes.usage)
        }
        const fromBlock = BigInt(from)
        const toBlock = to === undefined ? await newestBlock(deps, chain) : BigInt(to)
        if (toBlock < fromBlock) {
          terminal.complain(`There are no blocks from ${fromBlock} to ${toBlock}.`)
          return end(exitCodes.usage)
        }
        const ether = !tokensOnly && deps.rails.has(railOf('eth', chain))
        const { found, recorded } = await rescan(deps, {
          chainId: chain,
          fromBlock,
          toBlock,
          ether,
          onProgress: (progress) =>
            terminal.progress(
              `block ${progress.block} of ${toBlock}: ${progress.found} payments, ${progress.recorded} new`,
            ),
        })
        terminal.progress('')
        if (json) {
          const answer = { found, recorded, fromBlock: fromBlock.toString(), toBlock: toBlock.toString() }
          terminal.print(JSON.stringify(answer, null, 2))
        } else {
          terminal.print(
            `Blocks ${fromBlock} to ${toBlock}: ${found} payments, ${recorded} of them not recorded before.`,
          )
          if (recorded > 0) terminal.print('The running service proves and credits them.')
        }
      }),
    )
}

async function newestBlock(deps: GateDeps, chainId: number): Promise<bigint> {
  const reading = await deps.chains.get(chainId)?.reader.readHead()
  if (reading?.kind !== 'agreed')
    throw new Error(
      `The newest block of chain ${chainId} cannot be read: its RPCs are unreachable or disagree.`,
    )
  return reading.head.number
}

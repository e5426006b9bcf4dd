import { userInfo } from 'node:os'
import { Argument, Command, Option } from 'commander'
import { formatMinutes } from '../billing/api/json/amounts.ts'
import { readDeposits } from '../billing/deposits/depositViews.ts'
import { type ReleaseOrder, type ReleaseOutcome, releaseDeposit } from '../billing/desk/releaseDeposit.ts'
import type { GateDeps } from '../billing/gate/gateDeps.ts'
import type { Quote } from '../billing/pricing/quote.ts'
import { quoteToJson } from '../billing/pricing/quoteJson.ts'
import { type Cli, exitCodes, type Terminal } from './cli.ts'
import { formatRelease } from './formatRelease.ts'
import { integerArgument, parseDepositId, parseReason } from './parseArguments.ts'
import { confirmationsFromSettings } from './settings.ts'
import { withGate } from './withGate.ts'

interface Options {
  atBlock: number
  reason?: string
  acceptDeviation?: boolean
  dryRun?: boolean
  json?: boolean
}

/**
 * `credits deposit release`: credits a held deposit at the price of another block, as the operator decides. Exit code 0
 * when it is credited (or would be, with `--dry-run`), else 1.
 */
export function depositReleaseCommand({ terminal, end }: Cli): Command {
  return new Command('release')
    .summary('credit a held deposit at the price of another block')
    .description(
      'Credits a deposit that is held because its own block cannot tell what it is worth: the payment is proven at its ' +
        'own block, the payer’s AXGT and the prices are those after the block that is given. At most once, like any ' +
        'credit. Who ordered it (the user of this machine), when, why and by which block is kept with the credit. Needs ' +
        'all settings of the service.',
    )
    .addArgument(new Argument('<id>', 'deposit id').argParser(parseDepositId))
    .addOption(
      new Option('--at-block <block>', 'the block whose prices count; must be as deep as a deposit must be')
        .argParser(integerArgument(0, Number.MAX_SAFE_INTEGER))
        .makeOptionMandatory(),
    )
    .addOption(new Option('--reason <text>', 'why, for the record').argParser(parseReason))
    .option('--accept-deviation', 'accept a price that moved further than AXGT_MAX_DEVIATION_PERCENT')
    .option('--dry-run', 'only print what it would be credited with')
    .option('--json', 'print JSON: {kind, depositId, …}')
    .addHelpText('after', `\nExamples:\n  ${example} --dry-run\n  ${example} --reason "ticket 4711"`)
    .action((depositId: string, options: Options) =>
      withGate(terminal, async (deps) => {
        const order: ReleaseOrder = {
          depositId,
          atBlock: BigInt(options.atBlock),
          releasedBy: whoRuns(),
          note: options.reason ?? null,
          acceptDeviation: options.acceptDeviation ?? false,
          dryRun: options.dryRun ?? false,
        }
        const outcome = await releaseDeposit(deps, order)
        const ownBlock = await readOwnBlock(deps, terminal, depositId)
        const isDone = outcome.kind === 'released' || outcome.kind === 'would_release'
        const lines = formatRelease(order, outcome, ownBlock)
        if (options.json) {
          terminal.print(JSON.stringify(releaseJson(depositId, outcome, ownBlock), null, 2))
        } else if (isDone) for (const line of lines) terminal.print(line)
        if (!isDone) for (const line of lines) terminal.complain(line)
        end(isDone ? exitCodes.ok : exitCodes.failed)
      }),
    )
}

const example = `$ npm run credits -- deposit release 1-0x${'4'.repeat(64)}-axgt-0x52908400098527886e0f7030069857d2e4169ee7 --at-block 21000100`

/** The user of the operating system; by number if it has no name, as in some containers. */
function whoRuns(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}

async function readOwnBlock(deps: GateDeps, terminal: Terminal, id: string): Promise<bigint | null> {
  const [deposit] = await readDeposits(deps.sql, confirmationsFromSettings(terminal.env), { id })
  return deposit?.blockNumber ?? null
}

function releaseJson(depositId: string, outcome: ReleaseOutcome, ownBlock: bigint | null) {
  const own = { depositId, depositBlock: ownBlock?.toString() ?? null }
  switch (outcome.kind) {
    case 'released':
      return { kind: outcome.kind, ...own, attempt: outcome.attempt, ...creditJson(outcome.quote) }
    case 'would_release':
      return { kind: outcome.kind, ...own, ...creditJson(outcome.quote) }
    case 'block_not_deep_enough':
      return { kind: outcome.kind, ...own, deepestBlock: outcome.deepestBlock.toString() }
    case 'not_found':
    case 'not_releasable':
    case 'unproven':
    case 'unpriced':
      return { ...outcome, ...own }
  }
}

function creditJson(quote: Quote) {
  return {
    creditMicros: quote.creditMicros.toString(),
    creditMinutes: formatMinutes(quote.creditMicros),
    quote: quoteToJson(quote),
  }
}

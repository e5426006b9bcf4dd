import type { Logger } from 'pino'
import { z } from 'zod'
import { redactSecrets } from '../../billing/log/loggableError.ts'
import { redactUrls } from '../redactUrls.ts'

const Line = z.looseObject({ level: z.number(), msg: z.string() })

/** What the supervisor must learn from the indexer's log; all other lines are only passed on. */
export type IndexerRemark =
  | { kind: 'nothing' }
  /** It met a reorg below its own finality, so it cannot continue. */
  | { kind: 'unrecoverable_reorg'; chainId: number }
  /** It asks in vain, and again, for what belongs to this block. */
  | { kind: 'block_missing'; chainId: number; blockHash: string }
  /** It refuses to use the schema it was given. */
  | { kind: 'schema_refused' }

/** A failure now and then is nothing; by the third try a second has passed. */
const MIN_RETRIES = 3
/** Ponder's requests that name a block by its hash have no other hash before it. */
const BLOCK_HASH =
  /(?<="(?:blockHash":|eth_getBlockByHash","params":\[|debug_traceBlockByHash","params":\[)")0x[0-9a-f]{64}/i

/**
 * Writes a line of the indexer's JSON log into ours, with URLs and `secrets` redacted, and returns what it means to us.
 * Lines for empty blocks go to `debug`.
 */
export function relayLogLine(
  written: string,
  logger: Logger,
  secrets: readonly string[] = [],
): IndexerRemark {
  const line = redactSecrets(redactUrls(written), secrets)
  const parsed = parseLine(line)
  if (parsed === null) {
    logger.warn(line)
    return { kind: 'nothing' }
  }
  const { level, msg, time: _time, ...rest } = parsed
  if (level >= 50) logger.error(rest, msg)
  else if (level >= 40) logger.warn(rest, msg)
  else if (level >= 30 && !(msg === 'Indexed block' && rest.event_count === 0)) logger.info(rest, msg)
  else logger.debug(rest, msg)

  if (tellsOfDeepReorg(rest)) return { kind: 'unrecoverable_reorg', chainId: Number(rest.chain_id) }
  if (msg === 'Received JSON-RPC error' && Number(rest.retry_count) >= MIN_RETRIES) {
    const blockHash = BLOCK_HASH.exec(String(rest.request))?.[0]
    if (blockHash !== undefined) return { kind: 'block_missing', chainId: Number(rest.chain_id), blockHash }
  }
  if (line.includes('was previously used by a different Ponder app')) return { kind: 'schema_refused' }
  return { kind: 'nothing' }
}

const FailedBlock = z.looseObject({
  number: z.number().optional(),
  error: z.looseObject({ message: z.string() }),
})

/**
 * Ponder takes any block that is not above its finality for a reorg that it cannot undo, also one of an RPC whose head is
 * far back because it syncs. Only a block above that does not fit onto it shows that the chain is another one.
 */
function tellsOfDeepReorg(rest: Record<string, unknown>): boolean {
  const failed = FailedBlock.safeParse(rest)
  if (!failed.success) return false
  const { number, error } = failed.data
  const finalized = /unrecoverable .*reorg beyond finalized block (\d+)/.exec(error.message)?.[1]
  return finalized !== undefined && (number === undefined || number > Number(finalized))
}

function parseLine(line: string) {
  try {
    return Line.parse(JSON.parse(line))
  } catch {
    return null
  }
}

import type { Logger } from 'pino'
import { z } from 'zod'
import { redactSecrets } from '../../billing/log/redactSecrets.ts'
import { redactUrls } from '../redactUrls.ts'

const Line = z.looseObject({ level: z.number(), msg: z.string() })

/** What the supervisor must learn from the indexer's log; all other lines are only passed on. */
export type IndexerRemark =
  | { kind: 'nothing' }
  /** It met a reorg below its own finality, so it cannot continue. */
  | { kind: 'unrecoverable_reorg'; chainId: number }
  /** It refuses to use the schema it was given. */
  | { kind: 'schema_refused' }

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

  if (msg === 'Encountered unrecoverable reorg') {
    return { kind: 'unrecoverable_reorg', chainId: Number(rest.chain_id) }
  }
  if (line.includes('was previously used by a different Ponder app')) return { kind: 'schema_refused' }
  return { kind: 'nothing' }
}

function parseLine(line: string) {
  try {
    return Line.parse(JSON.parse(line))
  } catch {
    return null
  }
}

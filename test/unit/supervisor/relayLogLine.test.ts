import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { relayLogLine } from '../../../supervisor/indexer/relayLogLine.ts'

const silent = pino({ level: 'silent' })

/** As Ponder 0.16.10 writes it, after a line of its own that does not name the block. */
const failedBlock = (number: number | undefined, message: string) =>
  JSON.stringify({
    level: 40,
    time: 1,
    msg: 'Failed to fetch latest block',
    chain: '31337',
    chain_id: 31337,
    ...(number === undefined ? {} : { number }),
    retry_count: 0,
    error: { name: 'Error', message, stack: 'Error: …' },
  })
const unrecoverable = "Encountered unrecoverable '31337' reorg beyond finalized block 180"

describe('a reorg that the indexer cannot undo', () => {
  test('is told by a block above its finality that does not fit', () => {
    expect(relayLogLine(failedBlock(213, unrecoverable), silent)).toEqual({
      kind: 'unrecoverable_reorg',
      chainId: 31337,
    })
  })

  test.each([93, 180])('is not told by block %i, of an RPC whose head is far back', (number) => {
    expect(relayLogLine(failedBlock(number, unrecoverable), silent)).toEqual({ kind: 'nothing' })
  })

  test.each([
    ['another failure', failedBlock(213, 'fetch failed')],
    [
      'the line that names no block',
      JSON.stringify({ level: 40, msg: 'Encountered unrecoverable reorg', chain_id: 1 }),
    ],
    ['no JSON', 'Encountered unrecoverable reorg'],
  ])('is not told by %s', (_name, line) => {
    expect(relayLogLine(line, silent)).toEqual({ kind: 'nothing' })
  })
})

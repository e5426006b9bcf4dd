import { describe, expect, it } from 'vitest'
import {
  type ChainLook,
  type ChainVerdict,
  type ChainWatch,
  judgeChain,
} from '../../../supervisor/indexer/judgeChain.ts'

const calm: ChainLook = {
  nowMs: 0,
  ready: true,
  latest: 100n,
  head: 100n,
  finalIsCanonical: true,
  complaints: 0,
  isLost: false,
}

/** Plays looks five seconds apart and gives the verdicts. */
function play(...looks: Partial<ChainLook>[]): ChainVerdict['kind'][] {
  let watch: ChainWatch | null = null
  return looks.map((look, index) => {
    const judged = judgeChain(watch, { ...calm, nowMs: index * 5_000, ...look })
    watch = judged.watch
    return judged.verdict.kind
  })
}

const fine = (count: number) => Array<string>(count).fill('fine')
const stalled = (count: number, look: Partial<ChainLook> = {}) =>
  Array.from({ length: count }, (_, index) => ({ head: 100n + BigInt(index), ...look }))

describe('judgeChain', () => {
  it('is content while the index follows the head', () => {
    const looks = Array.from({ length: 20 }, (_, index) => ({
      latest: 100n + BigInt(index),
      head: 101n + BigInt(index),
    }))
    expect(play(...looks)).toEqual(fine(20))
  })

  it('restarts an index that stood still for 20 s while the chain went on, then ever more rarely', () => {
    const verdicts = play(...stalled(40))
    expect(verdicts.flatMap((kind, index) => (kind === 'restart' ? [index * 5] : []))).toEqual([20, 60, 140])
  })

  it('restarts an index that swings back and forth without getting on, as behind an RPC on two forks (case 20)', () => {
    const looks = Array.from({ length: 20 }, (_, index) => ({
      latest: index % 2 === 0 ? 100n : 94n,
      head: 100n + BigInt(index),
    }))
    expect(play(...looks)).toContain('restart')
  })

  it('leaves alone an index that went back once, by a restart or a reorg, and catches up', () => {
    const looks = Array.from({ length: 20 }, (_, index) => ({
      latest: 70n + BigInt(index),
      head: 100n + BigInt(index),
    }))
    expect(play({}, ...looks)).toEqual(fine(21))
  })

  it('does nothing while the chain is halted, or its RPCs do not answer (cases 21, 25)', () => {
    expect(play(...Array<Partial<ChainLook>>(100).fill({}))).toEqual(fine(100))
    expect(play(...Array<Partial<ChainLook>>(100).fill({ head: null }))).toEqual(fine(100))
  })

  it('restarts an index that does not get on five seconds after a real outage of the RPCs (case 25)', () => {
    const outage = Array<Partial<ChainLook>>(5).fill({ head: null })
    expect(play({}, ...outage, { head: 101n }, { head: 101n })).toEqual([...fine(6), 'suspicious', 'restart'])
    expect(play({}, ...outage, { head: 101n, latest: 101n }, { head: 102n, latest: 102n })).toEqual([
      ...fine(6),
      'suspicious',
      'fine',
    ])
    const hiccup = [{ head: null }, { head: null }]
    expect(play({}, ...hiccup, { head: 101n }, { head: 101n })).toEqual(fine(5))
  })

  it('restarts an index that asks for a block nobody knows, at once, then ever more rarely', () => {
    const lost = { head: 101n, isLost: true }
    const verdicts = play({}, ...Array<Partial<ChainLook>>(20).fill(lost))
    expect(verdicts.flatMap((kind, index) => (kind === 'restart' ? [index * 5] : []))).toEqual([
      10, 25, 45, 75,
    ])
    expect(verdicts.filter((kind) => kind !== 'restart').slice(1)).not.toContain('fine')
  })

  it('leaves alone an index that asked for such a block and has moved, or has nothing to catch up with', () => {
    const moving = Array.from({ length: 10 }, (_, index) => ({
      latest: 100n + BigInt(index),
      head: 101n + BigInt(index),
      isLost: true,
    }))
    expect(play({}, ...moving)).not.toContain('restart')
    expect(play({}, ...Array<Partial<ChainLook>>(10).fill({ isLost: true }))).not.toContain('restart')
  })

  it('does nothing during a backfill', () => {
    expect(play(...stalled(40, { ready: false }))).toEqual(fine(40))
  })

  it('does nothing when the head goes backwards and forwards (case 20)', () => {
    const looks = Array.from({ length: 40 }, (_, index) => ({
      latest: 100n + BigInt(index),
      head: index % 2 === 0 ? 101n + BigInt(index) : 81n + BigInt(index),
    }))
    expect(play(...looks)).toEqual(fine(40))
  })

  it('gives an index time to get on after an RPC synced for minutes, with its head far back', () => {
    const syncing = Array.from({ length: 30 }, (_, index) => ({ head: 20n + BigInt(index) }))
    const caughtUp = Array.from({ length: 10 }, (_, index) => ({
      head: 130n + BigInt(index),
      latest: index === 0 ? 100n : 130n + BigInt(index),
    }))
    expect(play({}, ...syncing, ...caughtUp)).toEqual(fine(41))
  })

  it('restarts it where it does not get on after that', () => {
    const syncing = Array.from({ length: 30 }, () => ({ head: 20n }))
    const caughtUp = Array.from({ length: 5 }, (_, index) => ({ head: 130n + BigInt(index) }))
    expect(play({}, ...syncing, ...caughtUp)).toEqual([...fine(34), 'restart', 'fine'])
  })

  it('asks whether the final block is canonical before it restarts', () => {
    expect(play(...stalled(5, { finalIsCanonical: null })).at(-1)).toBe('suspicious')
  })

  it('rebuilds when a final block is gone at two looks, not at one', () => {
    expect(play({}, { finalIsCanonical: false }, { finalIsCanonical: true })).toEqual([
      'fine',
      'suspicious',
      'fine',
    ])
    expect(play({}, { finalIsCanonical: false }, { finalIsCanonical: false })).toEqual([
      'fine',
      'suspicious',
      'rebuild',
    ])
  })

  it('needs two looks two seconds apart: one bad answer repeated at once is no evidence', () => {
    const first = judgeChain(null, { ...calm, finalIsCanonical: false })
    const again = judgeChain(first.watch, { ...calm, nowMs: 500, finalIsCanonical: false })
    expect(again.verdict.kind).toBe('suspicious')
    expect(judgeChain(again.watch, { ...calm, nowMs: 2_100, finalIsCanonical: false }).verdict.kind).toBe(
      'rebuild',
    )
  })

  it('does not forget a strike because an answer is missing', () => {
    const looks = [{ finalIsCanonical: false }, { finalIsCanonical: null }, { finalIsCanonical: false }]
    expect(play({}, ...looks).at(-1)).toBe('rebuild')
  })

  it('rebuilds a standing index whose indexer keeps complaining of a reorg it cannot undo', () => {
    expect(play(...stalled(5, { complaints: 2 })).at(-1)).toBe('rebuild')
  })

  it('only looks closer at a complaint while the index moves on', () => {
    expect(play({}, { latest: 101n, head: 101n, complaints: 3 })).toEqual(['fine', 'suspicious'])
  })
})

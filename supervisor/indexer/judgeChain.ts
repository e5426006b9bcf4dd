/** What is remembered of a chain between two looks. Times are milliseconds of a clock that never goes back. */
export interface ChainWatch {
  latest: bigint
  /** The highest it has been. */
  highest: bigint
  /** How often it went back since it was highest: once is a restart or a reorg, again and again is no progress. */
  drops: number
  movedAtMs: number
  /** The RPCs' head when the indexed head last moved; null until it was seen. */
  headAtMove: bigint | null
  /** Looks in a row at which a block that the indexer holds for final was not canonical. */
  strikes: number
  firstStrikeAtMs: number
  /** Restarts since the indexed head last moved. */
  restarts: number
  /** Since when the RPCs do not answer; null while they do. */
  silentSinceMs: number | null
  /** When they came back after a real outage; null once the indexed head has moved since. */
  backSinceMs: number | null
}

/** One look at a chain. */
export interface ChainLook {
  nowMs: number
  /** The indexer has caught up once; before, it is in its backfill and is left alone. */
  ready: boolean
  latest: bigint
  /** What the RPCs agree on; null when they do not answer, not clearly, or for another chain. */
  head: bigint | null
  /** Whether the newest block known to be final to the indexer is canonical; null when it was not asked or not answered. */
  finalIsCanonical: boolean | null
  /** How often the indexer said, in the last minute, that it met a reorg it can not undo. */
  complaints: number
}

export type ChainVerdict =
  | { kind: 'fine' }
  /** Something may be wrong: ask whether the final block is canonical, and look again soon. */
  | { kind: 'suspicious' }
  | { kind: 'restart'; behind: bigint }
  /** `forked`: a final block is gone. `complained`: the indexer says so, though no remembered block shows it. */
  | { kind: 'rebuild'; evidence: 'forked' | 'complained' }

/** An index that stands still this long, while the chain goes on, is stuck. Doubled after each restart in vain. */
const STALL_MS = 20_000
const LONGEST_STALL_MS = 600_000
const STALL_BLOCKS = 3n
/** One look may be a bad answer; two, this far apart, are a fact. */
const STRIKES = 2
const STRIKE_SPAN_MS = 2_000
const COMPLAINTS = 2
/** An index that went back this often without getting higher follows an RPC that swings; it is not getting on. */
const DROPS_OF_A_SWING = 3
/** RPCs that were away this long have likely left the indexer in a long pause of its own, up to half a minute. */
const OUTAGE_MS = 15_000
/** What it has to get on by itself once they are back. */
const RECOVERY_MS = 5_000

/**
 * Decides from one look what to do about a chain's index. Pure: gives the new memory with the verdict.
 *
 * A rebuild can cost days of RPC calls, so it takes evidence of a fork below the indexer's finality. Standing still alone
 * is answered by restarts, ever rarer. A dead or halted chain, a wrong one, and a backfill are no reason for anything.
 */
export function judgeChain(
  before: ChainWatch | null,
  look: ChainLook,
): { watch: ChainWatch; verdict: ChainVerdict } {
  const watch = follow(before, look)
  if (watch.strikes >= STRIKES && look.nowMs - watch.firstStrikeAtMs >= STRIKE_SPAN_MS) {
    return { watch, verdict: { kind: 'rebuild', evidence: 'forked' } }
  }
  if (watch.strikes > 0) return { watch, verdict: { kind: 'suspicious' } }
  if (!look.ready || look.head === null || watch.headAtMove === null)
    return { watch, verdict: { kind: 'fine' } }
  const slow = watch.backSinceMs !== null && look.nowMs - watch.backSinceMs >= RECOVERY_MS
  if (slow && look.head > look.latest) return restart(watch, look.nowMs, look.head, look.latest)
  const still = look.head > look.latest && look.head - watch.headAtMove >= STALL_BLOCKS
  const stallMs = Math.min(STALL_MS * 2 ** watch.restarts, LONGEST_STALL_MS)
  if (still && look.nowMs - watch.movedAtMs >= stallMs) {
    if (look.finalIsCanonical === null) return { watch, verdict: { kind: 'suspicious' } }
    if (look.complaints >= COMPLAINTS) return { watch, verdict: { kind: 'rebuild', evidence: 'complained' } }
    return restart(watch, look.nowMs, look.head, look.latest)
  }
  const unsettled = look.complaints > 0 || watch.backSinceMs !== null
  return { watch, verdict: { kind: unsettled ? 'suspicious' : 'fine' } }
}

function restart(watch: ChainWatch, nowMs: number, head: bigint, latest: bigint) {
  const verdict: ChainVerdict = { kind: 'restart', behind: head - latest }
  const after = {
    ...watch,
    restarts: watch.restarts + 1,
    movedAtMs: nowMs,
    headAtMove: head,
    backSinceMs: null,
  }
  return { watch: after, verdict }
}

/** How the RPCs' silence goes on, or what it left behind. */
function followSilence(before: ChainWatch | null, look: ChainLook, moved: boolean) {
  const silentSinceMs = before?.silentSinceMs ?? null
  if (look.head === null) return { silentSinceMs: silentSinceMs ?? look.nowMs, backSinceMs: null }
  if (silentSinceMs !== null && look.nowMs - silentSinceMs >= OUTAGE_MS) {
    return { silentSinceMs: null, backSinceMs: look.nowMs }
  }
  return { silentSinceMs: null, backSinceMs: moved ? null : (before?.backSinceMs ?? null) }
}

function follow(before: ChainWatch | null, look: ChainLook): ChainWatch {
  const gone = look.finalIsCanonical === false
  // Not asked or not answered keeps the count; only a clear "canonical" clears it.
  const strikes = gone ? (before?.strikes ?? 0) + 1 : look.finalIsCanonical ? 0 : (before?.strikes ?? 0)
  const firstStrikeAtMs = gone && (before?.strikes ?? 0) === 0 ? look.nowMs : (before?.firstStrikeAtMs ?? 0)
  const higher = before === null || look.latest > before.highest
  const drops = higher ? 0 : before.drops + (look.latest < before.latest ? 1 : 0)
  const moved = higher || (look.latest !== before.latest && drops < DROPS_OF_A_SWING)
  const highest = higher || !look.ready ? look.latest : before.highest
  const silence = followSilence(before, look, moved)
  if (moved || !look.ready) {
    const restarts = moved ? 0 : before.restarts
    return {
      latest: look.latest,
      highest,
      drops,
      movedAtMs: look.nowMs,
      headAtMove: look.head,
      strikes,
      firstStrikeAtMs,
      restarts,
      ...silence,
    }
  }
  return {
    ...before,
    latest: look.latest,
    drops,
    headAtMove: before.headAtMove ?? look.head,
    strikes,
    firstStrikeAtMs,
    ...silence,
  }
}

/** What is remembered of a chain between two looks. Times are in milliseconds of a monotonic clock. */
export interface ChainWatch {
  latest: bigint
  /** The highest head it has reached. */
  highest: bigint
  /** How often it went back since then: once is a restart or a reorg, again and again is a lack of progress. */
  drops: number
  movedAtMs: number
  /** The RPCs' head when the indexed head last moved; null until it is known. */
  headAtMove: bigint | null
  /** Consecutive looks at which a block that the indexer considers final was not canonical. */
  strikes: number
  firstStrikeAtMs: number
  /** Restarts since the indexed head last moved. */
  restarts: number
  /** When the RPCs stopped answering; null while they answer. */
  silentSinceMs: number | null
  /** When they came back after a long outage; null once the indexed head has moved since. */
  backSinceMs: number | null
  /** Since when it asks for a block that no RPC knows, without having moved; null: it does not. */
  lostSinceMs: number | null
}

/** One look at a chain. */
export interface ChainLook {
  nowMs: number
  /** Whether the indexer has ever caught up; until then it is in its backfill and is left alone. */
  ready: boolean
  latest: bigint
  /** The head that the RPCs agree on; null when they do not answer, disagree, or serve another chain. */
  head: bigint | null
  /**
   * Whether the newest block that the indexer considers final is canonical; null when it was not checked or not answered.
   */
  finalIsCanonical: boolean | null
  /** How often, in the last minute, the indexer reported a reorg that it cannot undo. */
  complaints: number
  /** Whether it asks again and again for a block that none of the RPCs knows. */
  isLost: boolean
}

export type ChainVerdict =
  | { kind: 'fine' }
  /** Something may be wrong: check whether the final block is canonical, and look again soon. */
  | { kind: 'suspicious' }
  | { kind: 'restart'; behind: bigint }
  /** `forked`: a final block is gone. `complained`: the indexer reports it, though no remembered block shows it. */
  | { kind: 'rebuild'; evidence: 'forked' | 'complained' }

/**
 * An index that does not move for this long, while the chain advances, is stuck. Doubled after each restart that did not
 * help.
 */
const STALL_MS = 20_000
const MAX_STALL_MS = 600_000
const STALL_BLOCKS = 3n
/** One look may be a bad answer; two, this far apart, count as fact. */
const MIN_STRIKES = 2
const STRIKE_SPAN_MS = 2_000
const MIN_COMPLAINTS = 2
/** An index that went back this often without a new high follows an RPC that swings between heads; it makes no progress. */
const MAX_DROPS = 3
/**
 * A block that an RPC named for a moment and nobody knows is asked for by Ponder for minutes, and nothing else meanwhile.
 * Doubled after each restart that did not help.
 */
const LOST_MS = 3_000
/** RPCs that were unreachable this long have likely left the indexer in a long back-off of its own, up to 30 seconds. */
const OUTAGE_MS = 15_000
/** How long it has to recover on its own once they are back. */
const RECOVERY_MS = 5_000

/**
 * Decides from one look what to do about a chain's index. Pure: returns the new memory with the verdict.
 *
 * A rebuild can cost days of RPC calls, so it takes evidence of a fork below the indexer's finality. A mere standstill is
 * answered by restarts, less and less often. A dead or halted chain, a wrong one, or a backfill is no reason to act.
 */
export function judgeChain(
  before: ChainWatch | null,
  look: ChainLook,
): { watch: ChainWatch; verdict: ChainVerdict } {
  const watch = follow(before, look)
  if (watch.strikes >= MIN_STRIKES && look.nowMs - watch.firstStrikeAtMs >= STRIKE_SPAN_MS) {
    return { watch, verdict: { kind: 'rebuild', evidence: 'forked' } }
  }
  if (watch.strikes > 0) return { watch, verdict: { kind: 'suspicious' } }
  if (!look.ready || look.head === null || watch.headAtMove === null)
    return { watch, verdict: { kind: 'fine' } }
  const slow = watch.backSinceMs !== null && look.nowMs - watch.backSinceMs >= RECOVERY_MS
  if (slow && look.head > look.latest) return restart(watch, look.nowMs, look.head, look.latest)
  const lostMs = Math.min(LOST_MS * 2 ** watch.restarts, MAX_STALL_MS)
  const isLost = watch.lostSinceMs !== null && look.nowMs - watch.lostSinceMs >= lostMs
  if (isLost && look.head > look.latest) return restart(watch, look.nowMs, look.head, look.latest)
  const still = look.head > look.latest && look.head - watch.headAtMove >= STALL_BLOCKS
  const stallMs = Math.min(STALL_MS * 2 ** watch.restarts, MAX_STALL_MS)
  if (still && look.nowMs - watch.movedAtMs >= stallMs) {
    if (look.finalIsCanonical === null) return { watch, verdict: { kind: 'suspicious' } }
    if (look.complaints >= MIN_COMPLAINTS)
      return { watch, verdict: { kind: 'rebuild', evidence: 'complained' } }
    return restart(watch, look.nowMs, look.head, look.latest)
  }
  const unsettled = look.complaints > 0 || watch.backSinceMs !== null || watch.lostSinceMs !== null
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
    lostSinceMs: null,
  }
  return { watch: after, verdict }
}

/** Tracks an outage of the RPCs, or the recovery after one. */
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
  // Without an answer the count stays; only a clear "canonical" resets it.
  const strikes = gone ? (before?.strikes ?? 0) + 1 : look.finalIsCanonical ? 0 : (before?.strikes ?? 0)
  const firstStrikeAtMs = gone && (before?.strikes ?? 0) === 0 ? look.nowMs : (before?.firstStrikeAtMs ?? 0)
  const higher = before === null || look.latest > before.highest
  const drops = higher ? 0 : before.drops + (look.latest < before.latest ? 1 : 0)
  const moved = higher || (look.latest !== before.latest && drops < MAX_DROPS)
  const highest = higher || !look.ready ? look.latest : before.highest
  const silence = followSilence(before, look, moved)
  const lostSinceMs = look.isLost && !moved ? (before?.lostSinceMs ?? look.nowMs) : null
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
      lostSinceMs,
    }
  }
  // Where there is nothing to index, as while an RPC's head is far back because it syncs, nothing stands still.
  const isIdle = look.head !== null && look.head <= look.latest
  return {
    ...before,
    latest: look.latest,
    drops,
    movedAtMs: isIdle ? look.nowMs : before.movedAtMs,
    headAtMove: isIdle ? look.latest : (before.headAtMove ?? look.head),
    strikes,
    firstStrikeAtMs,
    ...silence,
    lostSinceMs,
  }
}

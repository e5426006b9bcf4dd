import { percentile } from './benchmark.ts'

/** Something to measure: concurrent callers, each calling again as soon as it is answered. */
export interface Subject {
  callers: number
  /** How many units one call counts for, for example the heartbeats of a batch. */
  unitsPerCall: number
  call(caller: number, nth: number): Promise<void>
}

/** The result for one subject: medians over its slices, percentiles over all of its calls. */
export interface Sliced {
  unitsPerSecond: number
  p50Ms: number
  p99Ms: number
  /** Cores kept busy, by process. */
  cores: Record<string, number>
}

export interface SliceOptions {
  rounds: number
  sliceMs: number
  /** CPU seconds used so far, by process. */
  meters: Record<string, () => number>
}

interface Slice {
  unitsPerSecond: number
  callsMs: number[]
  cores: Record<string, number>
}

/**
 * Measures subjects in turn, a slice each, round after round, so that other load on the machine affects all alike. Every
 * other round goes backwards. The first round warms up and does not count.
 */
export async function measureSlices<Name extends string>(
  subjects: Record<Name, Subject>,
  { rounds, sliceMs, meters }: SliceOptions,
): Promise<Record<Name, Sliced>> {
  const names = Object.keys(subjects) as Name[]
  const slices = Object.fromEntries(names.map((name) => [name, [] as Slice[]])) as Record<Name, Slice[]>
  const calls = new Map<Name, number[]>()
  for (let round = 0; round <= rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const subject = subjects[name]
      const sofar = calls.get(name) ?? new Array<number>(subject.callers).fill(0)
      calls.set(name, sofar)
      const slice = await runSlice(subject, sofar, sliceMs, meters)
      if (round > 0) slices[name].push(slice)
    }
  }
  const summed = names.map((name) => [name, sumUp(slices[name])] as const)
  return Object.fromEntries(summed) as Record<Name, Sliced>
}

async function runSlice(
  subject: Subject,
  calls: number[],
  sliceMs: number,
  meters: SliceOptions['meters'],
): Promise<Slice> {
  const callsMs: number[] = []
  const read = () => Object.entries(meters).map(([who, meter]) => [who, meter()] as const)
  const before = read()
  const startedAt = performance.now()
  const until = startedAt + sliceMs
  const run = async (caller: number) => {
    for (let at = startedAt; at < until; ) {
      const nth = calls[caller] ?? 0
      calls[caller] = nth + 1
      await subject.call(caller, nth)
      const now = performance.now()
      callsMs.push(now - at)
      at = now
    }
  }
  const callers = Array.from({ length: subject.callers }, (_, caller) => run(caller))
  // If one fails, the others finish their slice first: what they call must not be closed under them.
  await Promise.allSettled(callers)
  await Promise.all(callers)
  const seconds = (performance.now() - startedAt) / 1000
  const after = new Map(read())
  const cores = before.map(([who, taken]) => [who, ((after.get(who) ?? Number.NaN) - taken) / seconds])
  return {
    unitsPerSecond: (callsMs.length * subject.unitsPerCall) / seconds,
    callsMs,
    cores: Object.fromEntries(cores),
  }
}

function sumUp(slices: Slice[]): Sliced {
  const median = (of: (slice: Slice) => number) => percentile(slices.map(of), 0.5)
  const callsMs = slices.flatMap((slice) => slice.callsMs)
  const who = Object.keys(slices[0]?.cores ?? {})
  return {
    unitsPerSecond: median((slice) => slice.unitsPerSecond),
    p50Ms: percentile(callsMs, 0.5),
    p99Ms: percentile(callsMs, 0.99),
    cores: Object.fromEntries(who.map((name) => [name, median((slice) => slice.cores[name] ?? Number.NaN)])),
  }
}

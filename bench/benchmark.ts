/** One measured figure, with the baseline from the same run: absolute figures vary with the machine, ratios do not. */
export interface Measurement {
  value: number
  unit: string
  /** In the same unit: what the underlying parts would do without us. */
  baseline: number
  /** value / baseline. */
  ratio: number
  p50Ms: number | null
  p99Ms: number | null
}

/** The result of a benchmark: its figures by name, and remarks on what limits them. */
export interface BenchmarkResult {
  measurements: Record<string, Measurement>
  remarks: string[]
}

export interface BenchmarkOptions {
  /** 1 for the stated size; less for a quick check that it runs. Some have one size only. */
  scale: number
}

/** A benchmark; `say` prints progress. */
export interface Benchmark {
  name: string
  summary: string
  /** Takes so long that it only runs when it is named. */
  isOnlyNamed?: boolean
  run(say: (text: string) => void, options: BenchmarkOptions): Promise<BenchmarkResult>
}

/** The value below which a share of the samples lies (nearest rank). */
export function percentile(samples: number[], share: number): number {
  if (samples.length === 0) throw new Error('no samples')
  const sorted = samples.toSorted((a, b) => a - b)
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))
  return sorted[rank] ?? Number.NaN
}

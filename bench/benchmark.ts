/** One measured figure, beside what it is compared with in the same run: these machines are noisy, ratios are not. */
export interface Measurement {
  value: number
  unit: string
  /** The same unit: what the parts beneath would do without us. */
  baseline: number
  /** value / baseline. */
  ratio: number
  p50Ms: number | null
  p99Ms: number | null
}

/** What a benchmark tells: its figures by name, and a sentence on what limits them. */
export interface BenchmarkResult {
  measurements: Record<string, Measurement>
  remarks: string[]
}

export interface BenchmarkOptions {
  /** 1 for what is stated; less for a quick look whether it runs. Some have one size only. */
  scale: number
}

/** A benchmark; `say` prints progress. */
export interface Benchmark {
  name: string
  summary: string
  /** Takes so long that it runs only when it is named. */
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

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { backlog } from './backlog.ts'
import type { Benchmark, Measurement } from './benchmark.ts'
import { heartbeats } from './heartbeats.ts'
import { heartbeatsGrown } from './heartbeatsGrown.ts'
import { latency } from './latency.ts'
import { panel } from './panel.ts'

const benchmarks: Benchmark[] = [backlog, latency, heartbeats, panel, heartbeatsGrown]

const HELP = `Measures the service on this machine, each figure beside a baseline taken in the same run.

Usage: npm run bench [-- [--json FILE] [--scale SHARE] [NAME…]]

${benchmarks.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n')}

Without a name, runs all but those marked to run only by name.

  --json FILE    also writes {name: {value, unit, baseline, ratio, p50Ms, p99Ms}}
  --scale SHARE  runs heartbeats at a smaller size, for example 0.02, to check that they run; the figures then mean little
  --help         this text`

/** Runs the named benchmarks, or all; exit code 64 for an unknown name or an invalid scale. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'string' },
      scale: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowPositionals: true,
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const unknown = positionals.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name))
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(', ')}.\n\n${HELP}`)
    return 64
  }
  const scale = Number(values.scale)
  if (!(scale > 0 && scale <= 1)) {
    console.error(`--scale must be above 0 and at most 1, not ${values.scale}.`)
    return 64
  }
  const chosen = benchmarks.filter(({ name, isOnlyNamed = false }) =>
    positionals.length === 0 ? !isOnlyNamed : positionals.includes(name),
  )
  const all: Record<string, Measurement> = {}
  for (const benchmark of chosen) {
    console.log(`\n${benchmark.name}: ${benchmark.summary}`)
    const { measurements, remarks } = await benchmark.run((text) => console.log(`  ${text}`), { scale })
    for (const [name, measurement] of Object.entries(measurements)) {
      all[name] = measurement
      console.log(`  ${describe(name, measurement)}`)
    }
    for (const remark of remarks) console.log(`  ${remark}`)
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(all, null, 2)}\n`)
  return 0
}

function describe(name: string, { value, unit, baseline, ratio, p50Ms, p99Ms }: Measurement): string {
  const figures = [`${round(value)} ${unit}`, `baseline ${round(baseline)}`, `ratio ${ratio.toFixed(2)}`]
  if (p50Ms !== null) figures.push(`p50 ${p50Ms.toFixed(1)} ms`)
  if (p99Ms !== null) figures.push(`p99 ${p99Ms.toFixed(1)} ms`)
  return `${name}: ${figures.join(', ')}`
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

process.exit(await main())

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildPanel, type PanelBuild, panelFolder } from './panel/buildPanel.ts'

// `npm run build`: builds the page, all that production needs besides the sources, and prints its size.

const result = await tryBuild()
switch (result.kind) {
  case 'built':
  case 'fresh': {
    const what = result.kind === 'built' ? 'built' : 'up to date'
    console.log(`The page is ${what} in ${relative('.', panelFolder)}:\n${await sizes()}`)
    break
  }
  case 'impossible':
    console.error(`The page cannot be built: ${result.why}. Run "npm ci" first.`)
    process.exitCode = 1
    break
  case 'broken':
    console.error(`The page does not build: ${result.why}`)
    process.exitCode = 1
}

async function tryBuild(): Promise<PanelBuild | { kind: 'broken'; why: string }> {
  try {
    return await buildPanel({ mode: 'production', folder: panelFolder })
  } catch (error) {
    return { kind: 'broken', why: error instanceof Error ? error.message : String(error) }
  }
}

async function sizes(): Promise<string> {
  const folder = join(panelFolder, 'assets')
  const names = (await readdir(folder)).filter((name) => !/\.(gz|br)$/.test(name)).sort()
  const rows = await Promise.all(
    names.map(async (name) => {
      const content = await readFile(join(folder, name))
      const sent = existsSync(join(folder, `${name}.gz`))
        ? gzipSync(content, { level: 9 }).length
        : content.length
      return `  ${name.padEnd(34)} ${(content.length / 1024).toFixed(1).padStart(7)} KiB ${(sent / 1024).toFixed(1).padStart(7)} KiB sent`
    }),
  )
  return rows.join('\n')
}

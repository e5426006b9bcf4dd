import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildPanel, panelFolder } from './panel/buildPanel.ts'

// `npm run build`: makes what production needs beside the sources, the page, and says how large it is.

const result = await buildPanel({ mode: 'production', folder: panelFolder })
switch (result.kind) {
  case 'built':
  case 'fresh':
    console.log(
      `The page is ${result.kind === 'built' ? 'built' : 'up to date'} in ${relative('.', panelFolder)}:`,
    )
    console.log(await sizes())
    break
  case 'impossible':
    console.error(`The page can not be built: ${result.why}. Run "npm ci" first.`)
    process.exitCode = 1
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

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where `npm run build` puts the page, wherever this process was started. */
export const builtPanelFolder = fileURLToPath(new URL('../../../panel/dist', import.meta.url))

/** One file of the page, in all its encodings. */
export interface PanelFile {
  contentType: string
  /** Of the content, the same for every encoding. */
  digest: string
  identity: Uint8Array<ArrayBuffer>
  gzip: Uint8Array<ArrayBuffer> | null
  br: Uint8Array<ArrayBuffer> | null
}

/** The built page. */
export interface PanelFiles {
  /** @param path `index.html` or `assets/<name>`. null: there is no such file, or no page at all. */
  find(path: string): Promise<PanelFile | null>
}

const CONTENT_TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
}

/** How often the folder is checked for a new build. */
const BUILD_CHECK_INTERVAL_MS = 1_000

type Files = Map<string, PanelFile>

/**
 * Opens the page in a folder that `buildPanel` fills, now or later. It is kept in memory (less than a megabyte) and reloaded
 * when there is a new build. Files of the previous build stay, so a page opened before an update still gets its parts. Only
 * names found in the folder are served, so no request path reaches the disk.
 */
export function openPanelFiles(folder: string): PanelFiles {
  let files: Files = new Map()
  let before: Files = new Map()
  let stamp: string | null = null
  let lookAt = 0
  let looking: Promise<void> | null = null

  async function look(): Promise<void> {
    const there = await readStamp(folder)
    if (there === null || there === stamp) return
    const read = await readFiles(folder)
    // Replaced while being read: the next check loads the new build.
    if ((await readStamp(folder)) !== there) return
    before = files
    files = read
    stamp = there
  }

  return {
    async find(path) {
      if (looking === null && performance.now() >= lookAt) {
        looking = look()
          // The folder was moved away in the middle of it; what is loaded stays.
          .catch(() => {})
          .finally(() => {
            looking = null
            lookAt = performance.now() + BUILD_CHECK_INTERVAL_MS
          })
      }
      await looking
      return files.get(path) ?? before.get(path) ?? null
    },
  }
}

/** Identifies the build; null when there is none. */
function readStamp(folder: string): Promise<string | null> {
  return readFile(join(folder, 'build.json'), 'utf8').catch(() => null)
}

async function readFiles(folder: string): Promise<Files> {
  const assets = await readdir(join(folder, 'assets'))
  const names = ['index.html', ...assets.map((name) => `assets/${name}`)]
  const contents = new Map(
    await Promise.all(
      names.map(async (name) => [name, new Uint8Array(await readFile(join(folder, name)))] as const),
    ),
  )
  for (const form of ['gz', 'br']) {
    const path = join(folder, `index.html.${form}`)
    const content = await readFile(path).catch(() => null)
    if (content !== null) contents.set(`index.html.${form}`, new Uint8Array(content))
  }
  const files: Files = new Map()
  for (const [name, identity] of contents) {
    const contentType = CONTENT_TYPES[name.slice(name.lastIndexOf('.') + 1)]
    if (contentType === undefined) continue
    files.set(name, {
      contentType,
      digest: createHash('sha256').update(identity).digest('base64url').slice(0, 22),
      identity,
      gzip: contents.get(`${name}.gz`) ?? null,
      br: contents.get(`${name}.br`) ?? null,
    })
  }
  return files
}

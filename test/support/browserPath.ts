import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const systemBrowsers = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/google-chrome',
]

/** Goes with `npm ci`, is shared by all runs, and is nobody's temporary folder. */
const cacheFolder = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url))

/** Where a Chromium may come from; the defaults are those of this machine. */
export interface BrowserSources {
  /** The setting CHROMIUM_PATH. Empty counts as unset. */
  setting?: string | undefined
  /** Makes npm's Chromium available and returns its path; throws when there is none for this platform. */
  fromNpm?: () => Promise<string>
  system?: string[]
}

/**
 * Finds the Chromium that the browser tests drive: `CHROMIUM_PATH`, else the one of the npm package
 * `@sparticuz/chromium` (Linux x64), else one of the system.
 *
 * @throws with what to do when there is none: a missing browser is a failure, never a reason to skip.
 */
export async function browserPath(sources: BrowserSources = {}): Promise<string> {
  const setting = 'setting' in sources ? sources.setting : process.env.CHROMIUM_PATH
  const { fromNpm = unpackFromNpm, system = systemBrowsers } = sources
  if (setting) {
    if (!existsSync(setting)) throw new Error(`CHROMIUM_PATH is ${setting}, and there is no such file.`)
    return setting
  }
  try {
    return await fromNpm()
  } catch (error) {
    const found = system.find((path) => existsSync(path))
    if (found !== undefined) return found
    throw new Error(
      `There is no browser for the tests of the page (npm's: ${(error as Error).message}). ` +
        'Run `npm ci`, or install Chromium (`apt-get install -y chromium`), or set CHROMIUM_PATH.',
    )
  }
}

/**
 * The package unpacks itself into the temporary folder, always at the same place: two at once break each other, and a
 * second user may not write there. So it is told of a temporary folder of its own, which is then moved into place whole.
 */
async function unpackFromNpm(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`not for ${process.platform} ${process.arch}`)
  }
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const manifest = join(entry.slice(0, entry.lastIndexOf('build')), 'package.json')
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  const folder = join(cacheFolder, `chromium-${version}`)
  const executable = join(folder, 'chromium')
  if (existsSync(executable)) return executable

  await mkdir(cacheFolder, { recursive: true })
  const unpacked = await mkdtemp(`${folder}.`)
  const { TMPDIR } = process.env
  try {
    process.env.TMPDIR = unpacked
    const { default: chromium } = await import('@sparticuz/chromium')
    await chromium.executablePath()
    // Another user may run the tests of the same checkout.
    await Promise.all([chmod(unpacked, 0o755), chmod(join(unpacked, 'chromium'), 0o755)])
    await rename(unpacked, folder)
  } catch (error) {
    // Somebody else may have been first; what they have is the same.
    if (!existsSync(executable)) throw error
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
    await rm(unpacked, { recursive: true, force: true })
  }
  return executable
}

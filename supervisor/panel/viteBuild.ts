// The process that `buildPanel` runs Vite in: `viteBuild.ts MODE FOLDER`. A separate process, so that the environment
// (NODE_ENV of a test run) cannot change the build, and Vite does not stay in the memory of the service.

import process from 'node:process'

/** sysexits.h: something this needs is unavailable. */
const EXIT_UNAVAILABLE = 69

const [mode = '', outDir = ''] = process.argv.slice(2)

async function loadVite() {
  try {
    return await import('vite')
  } catch (error) {
    console.error(error instanceof Error ? error.message.split('\n', 1)[0] : error)
    return process.exit(EXIT_UNAVAILABLE)
  }
}

const { build } = await loadVite()
try {
  await build({ configFile: 'panel/vite.config.ts', mode, logLevel: 'error', build: { outDir } })
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { browserPath } from '../../support/browserPath.ts'

const here = fileURLToPath(import.meta.url)
const npmHasNone = async () => {
  throw new Error('not for this machine')
}

describe('the browser of the tests', () => {
  test('is the one that CHROMIUM_PATH names, and a wrong name is told of rather than passed over', async () => {
    expect(await browserPath({ setting: here, fromNpm: npmHasNone })).toBe(here)
    await expect(browserPath({ setting: '/nowhere/chromium', system: [here] })).rejects.toThrow(
      'CHROMIUM_PATH is /nowhere/chromium, and there is no such file.',
    )
  })

  test('is else the one from npm, and else one of the system', async () => {
    const sources = { setting: '', system: ['/nowhere', here] }
    expect(await browserPath({ ...sources, fromNpm: async () => '/from/npm' })).toBe('/from/npm')
    expect(await browserPath({ ...sources, fromNpm: npmHasNone })).toBe(here)
  })

  test('is, when there is none, a failure that says what to do', async () => {
    const none = browserPath({ setting: undefined, fromNpm: npmHasNone, system: ['/nowhere'] })
    await expect(none).rejects.toThrow(
      "There is no browser for the tests of the page (npm's: not for this machine). " +
        'Run `npm ci`, or install Chromium (`apt-get install -y chromium`), or set CHROMIUM_PATH.',
    )
  })

  test('runs', async () => {
    const { stdout } = spawnSync(await browserPath(), ['--version', '--no-sandbox'], { encoding: 'utf8' })
    expect(stdout).toMatch(/Chrom/)
  })
})

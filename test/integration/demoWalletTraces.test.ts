import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { describe, expect, inject, test } from 'vitest'
import { demoWalletMark } from '../../panel/demo/demoWalletMark.ts'
import { buildPanel, panelFolder } from '../../supervisor/panel/buildPanel.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const configFile = join(checkout, 'panel/vite.config.ts')
/** The key in that wallet. */
const demoKey = '7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'

/** Names of the files of a folder in which a text is, in the name or in the content. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  const files = names.filter((name) => /\.\w+$/.test(name) && !/\.(gz|br)$/.test(name))
  const found = await Promise.all(
    files.map(async (name) => name.includes(text) || (await readFile(join(folder, name))).includes(text)),
  )
  return files.filter((_name, index) => found[index])
}

describe('the wallet of the demo', () => {
  test('is in the build for the demo, and no trace of it in the one that people pay on', async () => {
    expect(inject('panelFault')).toBeNull()
    const demoFolder = join(checkout, 'demo/dist')
    await buildPanel({ mode: 'demo', folder: demoFolder })
    for (const trace of [demoWalletMark, demoKey, 'installDemoWallet', '/demo/rpc']) {
      expect([trace, (await filesWith(demoFolder, trace)).length > 0]).toEqual([trace, true])
      expect([trace, await filesWith(panelFolder, trace)]).toEqual([trace, []])
    }
  })

  // Method: the guard of the import is made true, as a slip in main.tsx would; nothing is written.
  test('fails the production build when it gets in', async () => {
    const guarded = "import.meta.env.MODE === 'demo'"
    expect(await readFile(join(checkout, 'panel/main.tsx'), 'utf8')).toContain(guarded)
    const broken = build({
      configFile,
      mode: 'production',
      logLevel: 'silent',
      build: { write: false },
      plugins: [
        {
          name: 'let-the-demo-wallet-in',
          enforce: 'pre',
          transform: (code, id) => (id.endsWith('panel/main.tsx') ? code.replace(guarded, 'true') : null),
        },
      ],
    })
    await expect(broken).rejects.toThrow(/The demo wallet must not be in this build, but .+ has "/)
  })
})

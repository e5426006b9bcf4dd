import type { Plugin } from 'vite'

/**
 * Traces of the demo's test wallet: its marker, its module, its key, and the well-known key of the first account of local
 * chains.
 */
const TRACES = [
  'axonos-demo-wallet',
  'installDemoWallet',
  '7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
  'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
]

/**
 * A Vite plugin that fails the build when any file of it, by name or content, has a trace of the demo's test wallet. The
 * demo's own build (`--mode demo`) is the only one without this plugin.
 */
export function refuseDemoWallet(): Plugin {
  return {
    name: 'refuse-demo-wallet',
    apply: 'build',
    generateBundle(_options, bundle) {
      for (const [name, file] of Object.entries(bundle)) {
        const content = file.type === 'chunk' ? file.code : Buffer.from(file.source).toString()
        const trace = TRACES.find(
          (text) => name.includes(text) || content.toLowerCase().includes(text.toLowerCase()),
        )
        if (trace !== undefined)
          this.error(`The demo wallet must not be in this build, but ${name} has "${trace}".`)
      }
    },
  }
}

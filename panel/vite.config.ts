import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { compressFiles } from '../supervisor/panel/compressFiles.ts'
import { refuseDemoWallet } from '../supervisor/panel/refuseDemoWallet.ts'

// `npm run build` (mode production) builds what billing serves; `--mode demo` builds the page with a test wallet, for the
// demo only.
export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL('.', import.meta.url)),
  publicDir: false,
  envDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [...(mode === 'demo' ? [] : [refuseDemoWallet()]), compressFiles()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // Nothing is inlined: the content security policy allows scripts, styles and fonts from this service only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
}))

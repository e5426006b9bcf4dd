import './styles/index.css'
import { render } from 'preact'
import { startPage } from './startPage.ts'
import { App } from './views/App.tsx'

const root = document.getElementById('app')
if (root === null) throw new Error('index.html has no #app')
// Vite leaves this out of every other build; supervisor/panel/refuseDemoWallet.ts fails the build if it does not.
if (import.meta.env.MODE === 'demo' && new URLSearchParams(location.search).has('demo')) {
  const { installDemoWallet } = await import('./demo/installDemoWallet.ts')
  await installDemoWallet()
}
startPage()
render(<App />, root)

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { listProcesses } from '../support/listProcesses.ts'
import { waitUntil } from '../support/waitUntil.ts'

// What the indexer's own shutdown does at times when its database ends together with the supervisor: it goes round in
// promises that are always settled, so that no timer of its thread ever fires again.
const STARVED = `
  process.on('SIGINT', async () => { for (;;) await null })
  setInterval(() => {}, 1000)
  process.send('ready')`

/** As the supervisor starts the indexer; says its process id when it is up. */
const PARENT = `
  const { spawn } = require('node:child_process')
  const [importing, script] = process.argv.slice(1)
  const child = spawn(process.execPath, ['--import', importing, '--eval', script], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'], detached: true,
  })
  child.on('message', () => console.log(child.pid))`

test('an indexer that its own shutdown starves of timers still ends when its supervisor was killed', async () => {
  const endWithParent = new URL('../../supervisor/indexer/endWithParent.mjs', import.meta.url).href
  const parent = spawn(process.execPath, ['--eval', PARENT, endWithParent, STARVED], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  const isAlive = () => listProcesses().some((it) => it.pid === pid && it.command.includes('endWithParent'))
  try {
    expect(isAlive()).toBe(true)
    parent.kill('SIGKILL')
    await waitUntil(() => !isAlive(), { withinMs: 20_000, what: 'the end of the indexer' })
  } finally {
    parent.kill('SIGKILL')
    if (isAlive()) process.kill(pid, 'SIGKILL')
  }
})

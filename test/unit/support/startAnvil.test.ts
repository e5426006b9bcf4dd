import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { startAnvil } from '../../../demo/startAnvil.ts'
import { waitUntil } from '../../support/waitUntil.ts'

async function rpc(url: string, method: string): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] })
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return ((await response.json()) as { result: unknown }).result
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

it('starts anvil with the chain id asked for, and is gone when stopped, also twice', async () => {
  const anvil = await startAnvil({ chainId: 4242, genesisTimestamp: 1_700_000_000 })
  expect(await rpc(anvil.rpcUrl, 'eth_chainId')).toBe('0x1092')
  await anvil.stop()
  await anvil.stop()
  expect(isAlive(anvil.pid)).toBe(false)
})

it('mines by itself only with a block time', async () => {
  const anvil = await startAnvil({ blockTimeSeconds: 1 })
  try {
    const head = async () => Number(await rpc(anvil.rpcUrl, 'eth_blockNumber')) >= 1
    await waitUntil(head, { withinMs: 10_000, what: 'a block that nobody asked for' })
  } finally {
    await anvil.stop()
  }
})

it('says why when it cannot listen', async () => {
  const first = await startAnvil()
  try {
    const port = Number(new URL(first.rpcUrl).port)
    await expect(startAnvil({ port })).rejects.toThrow(/anvil ended .*instead of listening/)
  } finally {
    await first.stop()
  }
})

it('ends anvil when the process that started it is killed', async () => {
  const module = new URL('../../../demo/startAnvil.ts', import.meta.url).href
  const parent = spawn(
    process.execPath,
    [
      ...['--import', import.meta.resolve('tsx'), '--input-type=module', '-e'],
      `const { startAnvil } = await import('${module}'); console.log((await startAnvil()).pid); setInterval(() => {}, 1000)`,
    ],
    { cwd: fileURLToPath(new URL('../../..', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  expect(isAlive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await waitUntil(() => !isAlive(pid), { withinMs: 5_000, what: 'the end of anvil' })
})

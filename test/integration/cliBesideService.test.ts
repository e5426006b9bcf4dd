import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { removeFolder } from '../../demo/removeFolder.ts'
import { baseSettings, type ServiceSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { runCredits } from '../support/runCredits.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Goal: with the very settings of a running service, whose database is the embedded one, each command finds that database
// through DATA_DIR and disturbs nothing.

let folder: string
let chain: TestChain
let settings: ServiceSettings
let service: Service
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credits-beside-'))
  await chmod(folder, 0o755)
  chain = await createChain()
  await chain.mine(1)
  settings = await baseSettings({
    chains: [chain],
    databaseUrl: '',
    overrides: { DATA_DIR: join(folder, 'data') },
  })
  service = await startService(settings)
})
afterAll(async () => {
  await service?.stop()
  await chain?.stop()
  await removeFolder(folder)
})

const credits = (...args: string[]) => runCredits(args, settings)

test('a payment credited by the service is shown and proven, and an adjustment is seen by the service at once', async () => {
  const { buyer } = chain.accounts
  const { hashes } = await chain.mineWith(chain.transferEth({ from: buyer, value: 10n ** 18n / 2000n }))
  const hash = hashes[0] ?? '0x'
  await chain.mine(5)
  const balance = async () =>
    (
      (await service.request(`/v1/accounts/${buyer}/balance`, { key: service.serviceKey })).body as {
        balanceMinutes: string
      }
    ).balanceMinutes
  await waitUntil(async () => (await balance()) === '60', {
    withinMs: 20_000,
    what: 'the credit of 60 minutes',
  })

  const before = service.pids()
  expect(await credits('verify')).toMatchObject({
    code: 0,
    out:
      'In order: 1 accounts, 1 entries, 0 adjustments, 1 deposits, 1 quotes, 0 meters, 0 sessions, 0 volumes, ' +
      '0 postings, 2 events checked.',
  })
  expect(await credits('account', 'show', buyer)).toMatchObject({
    code: 0,
    out: expect.stringContaining('balance 60 minutes'),
  })
  const shown = await credits('deposit', 'show', hash, '--json')
  expect(JSON.parse(shown.out)).toMatchObject([
    { state: 'credited', confirmations: 6, confirmationsRequired: 6 },
  ])
  expect(await credits('deposit', 'submit', hash)).toMatchObject({
    code: 0,
    out: expect.stringContaining('settled'),
  })
  const last = String((await chain.head()).number)
  const rescan = await credits(
    'rescan',
    '--chain',
    String(chain.chainId),
    '--from',
    '0',
    '--to',
    last,
    '--json',
  )
  expect(JSON.parse(rescan.out)).toMatchObject({ found: 1, recorded: 0 })
  expect(await credits('adjust', buyer, '-0.5', '--reason', 'test', '--key', 'beside')).toMatchObject({
    code: 0,
  })
  expect(await balance()).toBe('59.5')
  expect(await credits('migrate')).toMatchObject({ code: 0 })
  expect(await credits('verify')).toMatchObject({ code: 0 })
  expect(service.pids()).toEqual(before)
})

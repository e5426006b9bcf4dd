import { cp, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Config } from '../../../billing/config/config.ts'
import { parseSettings } from '../../../billing/config/parseSettings.ts'
import { removeFolder } from '../../../demo/removeFolder.ts'
import { buildHash } from '../../../supervisor/indexer/buildHash.ts'

const checkout = fileURLToPath(new URL('../../../', import.meta.url))
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'credits-build-'))
  for (const name of ['abis', 'src', 'ponder.config.ts', 'ponder.schema.ts', 'package.json']) {
    await cp(join(checkout, name), join(root, name), { recursive: true })
  }
})

afterEach(() => removeFolder(root))

const address = (digit: string) => `0x${digit.repeat(40)}`

function config(overrides: Record<string, string> = {}): Config {
  const parsed = parseSettings(
    {
      RAILS: 'eth:31337,usdc:31337',
      RPC_URL_31337: 'http://127.0.0.1:8545',
      START_BLOCK_31337: '5',
      REVENUE_WALLET: address('1'),
      USDC_ADDRESS_31337: address('2'),
      SERVICE_API_KEY: 's'.repeat(32),
      ADMIN_API_KEY: 'a'.repeat(32),
      ...overrides,
    },
    { stdoutIsTerminal: false },
  )
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults))
  return parsed.config
}

it.each([
  [{ START_BLOCK_31337: '6' }],
  [{ REVENUE_WALLET: address('3') }],
  [{ USDC_ADDRESS_31337: address('3') }],
  [{ RAILS: 'eth:31337' }],
  [{ ETH_DETECTION: 'transactions' }],
])('changes with what shapes the index: %j', (overrides) => {
  expect(buildHash(root, config(overrides))).not.toBe(buildHash(root, config()))
})

it.each([
  [{ RPC_URL_31337: 'http://127.0.0.1:8546' }],
  [{ POLL_INTERVAL_MS: '500' }],
  [{ CONFIRMATIONS: '9' }],
  [{ USDC_MIN_DEPOSIT: '2' }],
  [{ RAILS: 'usdc:31337,eth:31337' }],
  [{ ETH_PRICING: 'chainlink', ETH_USD_FEED_31337: address('4') }],
  [{ AXGT_POOL_31337: address('5'), WETH_ADDRESS_31337: address('6'), SEQUENCER_FEED_31337: address('7') }],
  [{ AXGT_TWAP_SECONDS: '600', AXGT_DAILY_CAP_MINUTES: '1000', ETH_USD_MAX_AGE_SECONDS: '60' }],
])('stays with what does not: %j', (overrides) => {
  expect(buildHash(root, config(overrides))).toBe(buildHash(root, config()))
})

it.each([
  'src/tokenTransfers.ts',
  'abis/transferAbi.ts',
  'ponder.schema.ts',
  'ponder.config.ts',
  'src/new.ts',
])('changes with the code in %s', async (file) => {
  const before = buildHash(root, config())
  await writeFile(join(root, file), '// another line\n', { flag: 'a' })
  expect(buildHash(root, config())).not.toBe(before)
})

it('is 12 hex digits, the same in every checkout', () => {
  expect(buildHash(root, config())).toMatch(/^[0-9a-f]{12}$/)
  expect(buildHash(checkout, config())).toBe(buildHash(root, config()))
})

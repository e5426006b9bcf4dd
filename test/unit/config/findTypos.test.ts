import { describe, expect, test } from 'vitest'
import { formatFaults, parseSettings } from '../../../billing/config/parseSettings.ts'
import { completeEnv } from './completeEnv.ts'

// A misspelt setting would be ignored in silence: a default in its place may sell minutes at another price.

function toldOf(changes: Record<string, string>): string[] {
  const parsed = parseSettings({ ...completeEnv, ...changes }, { stdoutIsTerminal: false })
  return parsed.ok ? [] : formatFaults(parsed.faults).split('\n').slice(1)
}

describe('a variable that is none of ours', () => {
  test.each([
    ['ETH_PRICNG', 'ETH_PRICING'],
    ['ETH_PRICIGN', 'ETH_PRICING'],
    ['USDPERHOUR', 'USD_PER_HOUR'],
    ['CONFIRMATION', 'CONFIRMATIONS'],
    ['CONFIRMATION_31337', 'CONFIRMATIONS_31337'],
    ['PROT', 'PORT'],
    ['eth_pricing', 'ETH_PRICING'],
    ['ETH_USD_FEED', 'ETH_USD_FEED_31337'],
    ['RPC_ULR_5', 'RPC_URL_5'],
    ['DRAIN_SECOND', 'DRAIN_SECONDS'],
  ])('%s is a fault that names %s', (name, meant) => {
    expect(toldOf({ [name]: 'x' })).toEqual([`  ${name}: did you mean ${meant}?`])
  })

  test('is told beside all other faults, without its value', () => {
    const told = toldOf({ SERVICE_API_KY: 'a-key-that-nobody-may-see', PORT: 'x' }).join('\n')
    expect(told).toContain('  SERVICE_API_KY: did you mean SERVICE_API_KEY?')
    expect(told).toContain('  PORT is "x"')
    expect(told).not.toContain('nobody-may-see')
  })

  test('is nobody’s fault where it only resembles a short name, is empty, or is of a chain that is not used', () => {
    const others = [
      'HOME',
      'PATH',
      'MAIL',
      'HOSTNAME',
      'USER',
      'TERM',
      'PGPORT',
      'npm_config_prefix',
      'LOGNAME',
    ]
    const env = Object.fromEntries(others.map((name) => [name, '/x']))
    expect(
      toldOf({ ...env, ETH_PRICNG: ' ', RPC_URL_1: 'http://rpc.example', START_BLOCK_8453: '1' }),
    ).toEqual([])
  })
})

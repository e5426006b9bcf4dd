import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseSettings } from '../../../billing/config/parseSettings.ts'
import { chainSettings, settings } from '../../../billing/config/settings.ts'

// Documents drift where nothing compares them: each must list the rows of the settings table, in order and to the letter.
const rows = [...Object.values(settings), ...Object.values(chainSettings)]
const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')
const exampleText = read('.env.example')

describe('.env.example', () => {
  test('documents exactly the settings there are', () => {
    const documented = [...exampleText.matchAll(/((?:^# .*\n)+)^#?([A-Z][A-Z0-9_]*)=.*$/gm)].map(
      ([, comment, variable]) => [variable?.replace(/_1$/, '_<chainId>'), comment],
    )
    const expected = rows.map(({ variable, doc, shape, defaultInWords }) => [
      variable,
      [doc, `May be ${shape.mayBe}.`, ...(defaultInWords ? [`Default: ${defaultInWords}.`] : [])]
        .map((line) => `# ${line}\n`)
        .join(''),
    ])
    expect(documented).toEqual(expected)
  })

  test('shows the default of each setting that has one', () => {
    const shown = [...exampleText.matchAll(/^#([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, variable, text]) => [
      variable,
      text,
    ])
    // Pool and cap may stay empty, but not with the rails and the pricing that are the defaults.
    const neededByDefault = ['AXGT_POOL_<chainId>', 'AXGT_DAILY_CAP_MINUTES']
    const optional = rows.filter(({ variable, absent, defaultText }) => {
      return (defaultText !== null || absent !== null) && !neededByDefault.includes(variable)
    })
    expect(shown).toEqual(
      optional.map(({ variable, defaultText, defaultTextByChain }) => [
        variable.replace('<chainId>', '1'),
        defaultTextByChain[1] ?? defaultText ?? '',
      ]),
    )
  })

  test('is a start once what it leaves empty is filled in, and asks for nothing else', () => {
    const given = Object.fromEntries(
      [...exampleText.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, variable, text]) => [variable, text]),
    )
    const empty = Object.keys(given).filter((variable) => given[variable] === '')
    expect(empty).toEqual([
      'REVENUE_WALLET',
      'AXGT_DAILY_CAP_MINUTES',
      'SERVICE_API_KEY',
      'ADMIN_API_KEY',
      'RPC_URL_1',
      'START_BLOCK_1',
      'AXGT_POOL_1',
    ])
    const filledIn = {
      ...given,
      REVENUE_WALLET: `0x${'1'.repeat(40)}`,
      AXGT_DAILY_CAP_MINUTES: 'none',
      SERVICE_API_KEY: 's'.repeat(32),
      ADMIN_API_KEY: 'a'.repeat(32),
      RPC_URL_1: 'https://rpc.example',
      START_BLOCK_1: '1',
      AXGT_POOL_1: `0x${'2'.repeat(40)}`,
    }
    expect(parseSettings(filledIn, { stdoutIsTerminal: false })).toMatchObject({ ok: true })
  })
})

test('the README lists exactly the settings there are, with their defaults', () => {
  const documented = read('README.md')
    .split('\n')
    .filter((line) => /^\| `[A-Z][A-Z0-9_]*(<chainId>)?` \|/.test(line))
  const expected = rows.map(({ variable, absent, defaultText, defaultInWords, doc }) => {
    const whenUnset = absent === null ? 'required' : 'empty'
    const shown = defaultInWords ?? (defaultText === null ? whenUnset : `\`${defaultText}\``)
    return `| \`${variable}\` | ${shown} | ${doc} |`
  })
  expect(documented).toEqual(expected)
})

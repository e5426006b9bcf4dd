import { expect, it } from 'vitest'
import { parseArguments } from '../../../supervisor/parseArguments.ts'

it('runs everything unless told', () => {
  expect(parseArguments([])).toEqual({ kind: 'run', role: 'all' })
})

it.each(['all', 'indexer', 'api', 'worker'])('knows the role %s', (role) => {
  expect(parseArguments(['--role', role])).toEqual({ kind: 'run', role })
  expect(parseArguments([`--role=${role}`])).toEqual({ kind: 'run', role })
})

it('gives help', () => {
  expect(parseArguments(['--help'])).toEqual({ kind: 'help' })
})

it.each([[['--role', 'boss']], [['--rolle', 'api']], [['api']], [['--role']]])('refuses %j', (args) => {
  expect(parseArguments(args).kind).toBe('wrong')
})

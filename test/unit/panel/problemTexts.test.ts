import { expect, test } from 'vitest'
import { problems } from '../../../billing/api/problems.ts'
import { depositReasons, depositStates as serviceStates } from '../../../billing/deposits/schema.ts'
import { depositStates } from '../../../panel/pay/payment.ts'
import { paymentText } from '../../../panel/text/payment.ts'
import { problemTexts } from '../../../panel/text/problems.ts'

test('every problem of the service has its own sentence: what happened, and what to do', () => {
  expect(Object.keys(problemTexts).sort()).toEqual(Object.keys(problems).sort())
  const sentences = Object.values(problemTexts)
  for (const { what, todo } of sentences) {
    expect(what).toMatch(/^[A-Z].{10,}\.$/)
    expect(todo).toMatch(/^[A-Z].{10,}\.$/)
  }
  expect(new Set(sentences.map(({ what }) => what)).size).toBe(sentences.length)
})

test('every reason for which a deposit waits has its own sentence', () => {
  const { other, ...reasons } = paymentText.tracker.held
  expect(other).not.toBe('')
  expect(Object.keys(reasons).sort()).toEqual([...depositReasons].sort())
  expect(new Set(Object.values(reasons)).size).toBe(depositReasons.length)
})

test('the states of a deposit are those of the service', () => {
  expect([...depositStates]).toEqual([...serviceStates])
})

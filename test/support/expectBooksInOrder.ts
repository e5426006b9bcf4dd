import { expect } from 'vitest'
import type { Scene } from './startScene.ts'

/** Expects that `verify` finds nothing, that nothing was told twice, and that no pass of the gate ever broke. */
export async function expectBooksInOrder(scene: Pick<Scene, 'database' | 'differences' | 'service'>) {
  expect(await scene.differences()).toEqual([])
  const twice = await scene.database.sql`
    select kind, payload->>'id' as id, count(*)::int as times from credits.outbox_event
    group by 1, 2 having count(*) > 1`
  expect([...twice]).toEqual([])
  expect(scene.service.logs()).not.toContain('a pass of the gate failed')
}

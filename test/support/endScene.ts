import { expect } from 'vitest'
import type { Scene } from './startScene.ts'

/** Stops a scene after the last test of a file, and expects its books to be in order. Takes one that did not start, too. */
export async function endScene(scene: Scene | undefined): Promise<void> {
  const differences = await scene?.differences()
  await scene?.stop()
  expect(differences).toEqual([])
}

/** Ends every fault of the scene's RPCs, after each test. */
export async function healAll(scene: Scene | undefined): Promise<void> {
  await Promise.all(scene?.proxies.map((proxy) => proxy.heal()) ?? [])
}

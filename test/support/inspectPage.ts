import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { viewports } from './startBrowser.ts'

/** Pictures for whoever looks at the page, and for CI to keep. Not committed, and not cleared: a later run writes over them. */
const pictures = fileURLToPath(new URL('../../artifacts/panel', import.meta.url))
/** WCAG 2.2 reflow (1.4.10): the narrowest that must do without scrolling sideways. */
const NARROWEST = { width: 320, height: 640 }
const schemes = ['light', 'dark'] as const

let axeSource: string | undefined

/**
 * Looks at the page in the state it is in, as those who use it do: no axe-core violation in light or dark, nothing that
 * sticks out sideways from the narrowest phone to a desktop, and a picture of each size and scheme under
 * `artifacts/panel/`. Leaves the page at the size and in the scheme it had.
 *
 * @param state the name of the pictures: `<state>.<size>.<scheme>.png`.
 */
export async function inspectPage(page: Page, state: string): Promise<void> {
  await mkdir(pictures, { recursive: true })
  const before = page.viewportSize() ?? viewports.desktop
  await page.evaluate(
    () =>
      (globalThis as unknown as { document: { fonts: { ready: Promise<unknown> } } }).document.fonts.ready,
  )
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme })
    for (const [size, viewport] of Object.entries(viewports)) {
      await page.setViewportSize(viewport)
      // What sticks while scrolling is where it is at the top.
      await page.evaluate('scrollTo(0, 0)')
      await page.screenshot({
        path: join(pictures, `${state}.${size}.${colorScheme}.png`),
        fullPage: true,
        animations: 'disabled',
        caret: 'hide',
      })
    }
    expect({ state, colorScheme, violations: await axeViolations(page) }).toEqual({
      state,
      colorScheme,
      violations: [],
    })
  }
  await page.setViewportSize(NARROWEST)
  const wide = await page.evaluate(widestThings)
  expect({ state, wide }).toEqual({ state, wide: [] })
  await page.setViewportSize(before)
  await page.emulateMedia({ colorScheme: null })
}

async function axeViolations(page: Page): Promise<unknown[]> {
  axeSource ??= await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  await page.evaluate(`globalThis.axe === undefined && (() => { ${axeSource} })()`)
  return (await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html, failureSummary }) => [html, failureSummary]) })))`)) as unknown[]
}

/** Runs in the page: what reaches beyond its right edge, unless it is in something that scrolls by itself. */
function widestThings(): string[] {
  interface Part {
    tagName: string
    className: unknown
    parentElement: Part | null
    getBoundingClientRect(): { right: number; width: number }
  }
  const { document, getComputedStyle } = globalThis as unknown as {
    document: { documentElement: { clientWidth: number }; querySelectorAll(selector: string): Iterable<Part> }
    getComputedStyle(part: Part): { overflowX: string; position: string }
  }
  const edge = document.documentElement.clientWidth
  const isInScroller = (part: Part | null): boolean =>
    part !== null &&
    (/auto|scroll|hidden|clip/.test(getComputedStyle(part).overflowX) || isInScroller(part.parentElement))
  return [...document.querySelectorAll('body *')]
    .filter((part) => part.getBoundingClientRect().right > edge + 0.5 && !isInScroller(part.parentElement))
    .map(
      (part) =>
        `${part.tagName.toLowerCase()}.${String(part.className)} to ${part.getBoundingClientRect().right}`,
    )
}

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Browser, startBrowser } from '../../support/startBrowser.ts'
import { waitUntil } from '../../support/waitUntil.ts'

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser?.stop())

// Goal: a fixture that never finds fault would make every browser test green.
test.each([
  ['asks another origin', 'new Image().src = "http://127.0.0.1:9/pixel"', 'asked http://127.0.0.1:9/pixel'],
  [
    'breaks its policy',
    'document.body.append(Object.assign(document.createElement("script"), { text: "1" }))',
    'console: ',
  ],
  ['throws', 'setTimeout(() => { throw new Error("broken") })', 'threw: Error: broken'],
  ['complains', 'console.error("odd")', 'console: odd'],
])('a page that %s is told of', async (_what, script, fault) => {
  const device = await browser.newDevice({ origin: 'http://127.0.0.1:1' })
  const page = await device.newPage()
  await page.setContent(
    '<meta http-equiv="Content-Security-Policy" content="script-src \'self\'"><body>hello</body>',
  )
  expect(device.faults()).toEqual([])
  await page.evaluate(script)
  await waitUntil(() => device.faults().some((told) => told.startsWith(fault)), {
    withinMs: 5_000,
    what: `${fault} among ${device.faults()}`,
  })
  await device.close()
})

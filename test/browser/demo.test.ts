import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DemoChain, startDemoChain } from '../../demo/demoChain.ts'
import { removeFolder } from '../../demo/removeFolder.ts'
import type { DemoFront } from '../../demo/startDemoFront.ts'
import { startDemoPage } from '../../demo/startDemoPage.ts'
import { type DemoService, startDemoService } from '../../demo/startDemoService.ts'
import { demoWalletMark } from '../../panel/demo/demoWalletMark.ts'
import { accountText } from '../../panel/text/account.ts'
import { commonText } from '../../panel/text/common.ts'
import { demoText } from '../../panel/text/demo.ts'
import { paymentText } from '../../panel/text/payment.ts'
import { welcomeText } from '../../panel/text/welcome.ts'
import { freePort } from '../../supervisor/freePort.ts'
import { inspectPage } from '../support/inspectPage.ts'
import { openPanel } from '../support/openPanel.ts'
import { type Browser, startBrowser } from '../support/startBrowser.ts'

let folder: string
let chain: DemoChain
let service: DemoService
let front: DemoFront
let browser: Browser
const over = new AbortController()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credits-demo-page-'))
  await chmod(folder, 0o755)
  ;[chain, browser] = await Promise.all([startDemoChain(over.signal), startBrowser()])
  const [port, servicePort] = [await freePort(), await freePort()]
  const place = { port: servicePort, publicUrl: `http://localhost:${port}`, trustProxy: 1 }
  service = await startDemoService(chain, folder, place, over.signal)
  front = await startDemoPage({
    port,
    rpcUrl: chain.rpcUrl,
    serviceUrl: service.baseUrl,
    interrupted: over.signal,
  })
})

afterAll(async () => {
  await browser?.stop()
  await front?.stop()
  await service?.stop()
  await chain?.stop()
  await removeFolder(folder)
})

const { connect, sign, send, confirm, reject, walletName, banner } = demoText

test('somebody without any wallet pays on the local chain with the one in the page, and is credited', async () => {
  const device = await browser.newDevice({ origin: front.url })
  const panel = await openPanel(device, `${front.url}/?demo`)
  await panel.sees(banner)
  await inspectPage(panel.page, 'demo')
  await panel.button(welcomeText.wallets.connect(walletName)).click()
  await panel.sees(connect.title)
  await inspectPage(panel.page, 'demo-connect')
  await panel.button(reject).click()
  await panel.sees(welcomeText.wallets.rejected(walletName))
  await panel.button(welcomeText.wallets.connect(walletName)).click()
  await panel.button(confirm).click()
  await panel.sees(sign.title)
  await inspectPage(panel.page, 'demo-sign')
  await panel.button(confirm).click()
  await panel.sees(accountText.empty.title)
  await panel.sees(paymentText.rails.discount('Tier 2', '10'))

  await panel.button(paymentText.send.minimum('USDC')).click()
  await panel.sees(send.title)
  const asked = panel.page.getByRole('dialog')
  await asked.getByText('1 USDC', { exact: true }).waitFor()
  await asked.getByText(new RegExp(chain.people.revenue, 'i')).waitFor()
  await inspectPage(panel.page, 'demo-send')
  await panel.button(confirm).click()
  await panel.payment('1 USDC').getByText(paymentText.tracker.stage.credited('60')).waitFor()
  await panel.seesBalance('60')

  await panel.page.reload()
  await panel.button(paymentText.send.minimum('ETH')).or(panel.button(accountText.pay.open)).first().waitFor()
  await panel.seesBalance('60')
  // The next demo has another chain: what was kept of this one would be of payments that nobody knows.
  await panel.page.evaluate(`localStorage.setItem('${demoWalletMark}.chain', '0x0')`)
  await panel.page.reload()
  await panel.button(welcomeText.wallets.connect(walletName)).waitFor()
  await panel.page.getByRole('link', { name: commonText.brand }).click()
  await panel.sees(banner)
  expect(device.faults()).toEqual([])
  await device.close()
})

test('without ?demo it is the page of production: no wallet, no banner', async () => {
  const device = await browser.newDevice({ origin: front.url })
  const panel = await openPanel(device, front.url)
  await panel.sees(welcomeText.wallets.none)
  expect(await panel.page.getByText(banner).count()).toBe(0)
  expect(device.faults()).toEqual([])
  await device.close()
})

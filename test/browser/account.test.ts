import { readFile } from 'node:fs/promises'
import { parseEther, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { accountText } from '../../panel/text/account.ts'
import { commonText } from '../../panel/text/common.ts'
import { historyText } from '../../panel/text/history.ts'
import { paymentText } from '../../panel/text/payment.ts'
import { inspectPage } from '../support/inspectPage.ts'
import { openPanel, type Panel } from '../support/openPanel.ts'
import { type PanelScene, type Person, startPanelScene } from '../support/startPanelScene.ts'

let scene: PanelScene
beforeAll(async () => {
  scene = await startPanelScene()
})
afterEach(() => scene.endTest())
afterAll(() => scene?.stop())

/** Somebody with so much credit, who has signed in. */
async function enterWith(minutes: string): Promise<{ person: Person; panel: Panel }> {
  const person = await scene.newPerson()
  if (minutes !== '0') await scene.adjust(person.address, minutes)
  const panel = await openPanel(person, scene.origin)
  await panel.enter()
  return { person, panel }
}

const payButton = (panel: Panel, name: string) => panel.page.getByRole('button', { name, exact: true })

describe('the account', () => {
  test('says what there is and what it buys, and lets the payment side stay closed', async () => {
    const { panel } = await enterWith('754.5')
    await panel.seesBalance('754.5')
    await panel.sees(accountText.live)
    await panel.sees(accountText.idle)
    await payButton(panel, accountText.pay.open).waitFor()
    await inspectPage(panel.page, 'balance')
    await payButton(panel, accountText.pay.open).click()
    await payButton(panel, accountText.pay.close).waitFor()
  })

  test('opens the payment side by itself when there is nothing to spend', async () => {
    const { panel } = await enterWith('0')
    await panel.sees(accountText.empty.title)
    await payButton(panel, accountText.pay.close).waitFor()
  })

  test('counts down while a desktop runs, says when it runs out, and stops when it is released', async () => {
    const { person, panel } = await enterWith('600')
    await panel.seesBalance('600')
    const desktop = await scene.startDesktop(person.address, 'max')
    await panel.sees(/^Runs out at /)
    await panel.sees(accountText.sessions.running)
    // Without any heartbeat: the page counts down by itself.
    await panel.sees(/^59[89]\.\d\d minutes$/)
    await inspectPage(panel.page, 'balance-burning')
    await desktop.release()
    await panel.sees(accountText.idle)
  })

  test('warns when it is nearly used up, and opens the payment side', async () => {
    const { person, panel } = await enterWith('40')
    await payButton(panel, accountText.pay.open).waitFor()
    await scene.startDesktop(person.address, 'max')
    await panel.sees(accountText.low.title)
    await payButton(panel, accountText.pay.close).waitFor()
    await inspectPage(panel.page, 'balance-low')
  })

  test('says how long a desktop runs on at zero', async () => {
    const { person, panel } = await enterWith('0')
    // Grace is a share of what was bought: without a payment there is none.
    await scene.chain.mineWith(scene.chain.transferEth({ from: person.address, value: parseEther('0.001') }))
    await scene.chain.mine(5)
    await panel.seesBalance('120')
    const desktop = await scene.startDesktop(person.address, 'max')
    await panel.sees(accountText.sessions.running)
    await scene.adjust(person.address, '-120')
    await desktop.beat()
    await panel.sees(/^Running on grace time: /)
    await inspectPage(panel.page, 'balance-grace')
  })

  test('explains a balance below zero', async () => {
    const { panel } = await enterWith('-30')
    await panel.sees(accountText.negative.title)
    await inspectPage(panel.page, 'balance-negative')
  })
})

describe('the history', () => {
  test('shows payments with what became of them and why, also those sent from elsewhere while the page is open', async () => {
    const { person, panel } = await enterWith('0')
    await panel.sees(historyText.deposits.none)
    const { chain, usdc } = scene
    await chain.mineWith(chain.transferEth({ from: person.address, value: parseEther('0.001') }))
    await panel.sees(historyText.deposits.states.pending)
    await chain.mine(5)
    await panel.seesBalance('120')
    await panel.sees(historyText.deposits.got('120'))
    await chain.mineWith(
      chain.transferToken({ token: usdc, from: person.address, amount: parseUnits('0.4', 6) }),
    )
    await chain.mine(5)
    await panel.sees(historyText.deposits.reasons.below_minimum)
    await panel.payment('0.4 USDC').getByText(paymentText.tracker.steps.held, { exact: false }).waitFor()
    await inspectPage(panel.page, 'history-payments')

    await panel.page.getByRole('tab', { name: historyText.tabs.ledger }).click()
    await panel.sees(historyText.ledger.kinds.deposit)
    await inspectPage(panel.page, 'history-ledger')
    const [download] = await Promise.all([
      panel.page.waitForEvent('download'),
      panel.button(historyText.download).click(),
    ])
    const csv = await readFile(await download.path(), 'utf8')
    expect(csv.trimEnd().split('\n')).toHaveLength(2)
    expect(csv).toContain('120')
  })

  test('shows what desktops have used, by session and by day', async () => {
    const { person, panel } = await enterWith('300')
    const desktop = await scene.startDesktop(person.address, 'large')
    await panel.sees(accountText.sessions.running)
    await desktop.beat()
    await desktop.release()
    await writeUsage(person.address)
    await panel.page.getByRole('tab', { name: historyText.tabs.usage }).click()
    await panel.sees(historyText.usage.ends.released)
    await panel.sees(historyText.usage.chart)
    await inspectPage(panel.page, 'history-usage')
  })
})

/** Entries of the last two weeks, as hours of usage post them. */
async function writeUsage(account: string): Promise<void> {
  const { sql } = scene.database
  await sql`
    insert into credits.ledger_entry (account, kind, micros, reference, event_at, created_at, details)
    select ${account}, case day % 4 when 3 then 'storage' else 'usage' end, -(day * day % 23 + 4) * 60000000 / 2,
      'usage:test-' || ${account} || day, now() - day * interval '1 day', now() - day * interval '1 day', '{}'
    from generate_series(0, 12) day`
}

describe('while the service is away', () => {
  // Method: its keeper is stopped, so that the killed process stays away until the keeper goes on.
  test('the page says so and keeps what it knows; what was paid meanwhile is there when it is back', async () => {
    const { person, panel } = await enterWith('90')
    await panel.seesBalance('90')
    await panel.sees(accountText.live)
    const { chain, service } = scene
    service.kill('supervisor', 'SIGSTOP')
    try {
      service.kill('billing', 'SIGKILL')
      await panel.sees(commonText.down.title)
      await chain.mineWith(chain.transferEth({ from: person.address, value: parseEther('0.0005') }))
      await chain.mine(5)
      await panel.seesBalance('90')
      await inspectPage(panel.page, 'service-away')
    } finally {
      service.kill('supervisor', 'SIGCONT')
    }
    await panel.seesBalance('150')
    await panel.page.getByText(commonText.down.title).waitFor({ state: 'detached' })
    await panel.sees(accountText.live)
  })
})

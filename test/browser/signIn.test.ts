import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { shortHex } from '../../panel/format.ts'
import { accountText } from '../../panel/text/account.ts'
import { welcomeText } from '../../panel/text/welcome.ts'
import { inspectPage } from '../support/inspectPage.ts'
import { openPanel } from '../support/openPanel.ts'
import { viewports } from '../support/startBrowser.ts'
import { type PanelScene, startPanelScene } from '../support/startPanelScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

let scene: PanelScene
beforeAll(async () => {
  scene = await startPanelScene()
})
afterEach(() => scene.endTest())
afterAll(() => scene?.stop())

const text = welcomeText

describe('somebody new', () => {
  test('reads what it is, what it costs and what a payment buys, without a wallet', async () => {
    const device = await scene.newVisitor()
    const panel = await openPanel(device, scene.origin)
    await panel.sees(text.title)
    await panel.sees(text.wallets.none)
    for (const minutes of ['60 min', '75 min']) await panel.sees(minutes)
    await panel.sees('5%')
    await inspectPage(panel.page, 'welcome-without-wallet')
  })

  test('declines to connect, and is told that nothing happened', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await panel.button(text.wallets.connect('Test Wallet')).waitFor()
    await inspectPage(panel.page, 'welcome')
    person.wallet.rejectNext()
    await panel.connect()
    await panel.sees(text.wallets.rejected('Test Wallet'))
    expect(person.wallet.asked('personal_sign')).toBe(0)
  })

  test('is told to look into the wallet while it asks, and is not asked twice', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    const allow = person.wallet.leaveNextOpen()
    await panel.connect()
    await panel.sees(text.wallets.asking('Test Wallet'))
    await inspectPage(panel.page, 'connecting')
    expect(await panel.button(text.wallets.connect('Test Wallet')).isDisabled()).toBe(true)
    allow()
    await panel.sees(accountText.empty.title)
    expect(person.wallet.asked('eth_requestAccounts')).toBe(1)
  })
})

describe('signing in', () => {
  test('declined, is asked for again by one click', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    const allow = person.wallet.leaveNextOpen()
    await panel.connect()
    person.wallet.rejectNext()
    allow()
    await panel.sees(text.signIn.rejected)
    await inspectPage(panel.page, 'sign-in')
    await panel.button(text.signIn.button).click()
    await panel.sees(accountText.empty.title)
    await inspectPage(panel.page, 'balance-empty')
  })

  test('lasts across a reload and in another tab, without the wallet being asked again', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    await panel.page.reload()
    await panel.sees(accountText.empty.title)
    const other = await openPanel(person, scene.origin)
    await other.sees(accountText.empty.title)
    expect(person.wallet.asked('eth_requestAccounts')).toBe(1)
    expect(person.wallet.asked('personal_sign')).toBe(1)
  })

  test('is of one account: another one chosen in the wallet signs in for itself', async () => {
    const [person, second] = await Promise.all([scene.newPerson(), scene.newAccount()])
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    await person.wallet.setAccount(second)
    await panel.button(text.signIn.button).click()
    await panel.button(accountText.menu.open(shortHex(second.address.toLowerCase()))).waitFor()
  })

  test('ends when its token does: the page says why, and one signature goes on', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    // Away from the page: one that is still loading would be told before it is opened again.
    await panel.page.goto('about:blank')
    const { sql } = scene.database
    await sql`update credits.wallet_token set expires_at = now() - interval '1 second' where address = ${person.address}`
    await panel.page.goto(scene.origin)
    await panel.sees(text.signIn.expiredTitle)
    await inspectPage(panel.page, 'sign-in-expired')
    await panel.button(text.signIn.button).click()
    await panel.sees(accountText.empty.title)
  })

  test('is asked for again on the open page, as soon as it would have told something', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    await panel.sees(accountText.empty.title)
    const { sql } = scene.database
    await sql`update credits.wallet_token set expires_at = now() - interval '1 second' where address = ${person.address}`
    // An event: the service looks at the token before it tells it, and tells nothing.
    await scene.adjust(person.address, '600')
    await (await scene.startDesktop(person.address, 'small')).release()
    await panel.sees(text.signIn.expiredTitle)
    await panel.button(text.signIn.button).click()
    await panel.sees(accountText.buys.title)
  })

  test('ends at once where somebody signs out, token included, and in the other tabs', async () => {
    const person = await scene.newPerson()
    const [panel, other] = [await openPanel(person, scene.origin), await openPanel(person, scene.origin)]
    await panel.enter()
    await other.sees(accountText.empty.title)
    await panel.button(accountText.menu.open(shortHex(person.address))).click()
    await inspectPage(panel.page, 'account-menu')
    await panel.button(accountText.menu.signOut).click()
    for (const tab of [panel, other]) await tab.sees(text.title)
    const tokens = async () => {
      const rows = await scene.database.sql`
        select 1 from credits.wallet_token where address = ${person.address} and expires_at > now()`
      return rows.length === 0
    }
    await waitUntil(tokens, { withinMs: 5_000, what: 'the token to be revoked' })
    await panel.page.reload()
    await panel.button(text.wallets.connect('Test Wallet')).waitFor()
  })
})

describe('who works without a mouse', () => {
  test('connects, signs in and reaches everything with the keyboard, and always sees where they are', async () => {
    const person = await scene.newPerson({ viewport: viewports.desktop })
    const panel = await openPanel(person, scene.origin)
    await panel.button(text.wallets.connect('Test Wallet')).waitFor()
    const press = (key: string) => panel.page.keyboard.press(key)
    const isFocused = (locator: ReturnType<typeof panel.button>) =>
      locator.evaluate(
        (element) =>
          element ===
          (element as unknown as { ownerDocument: { activeElement: unknown } }).ownerDocument.activeElement,
      )
    await press('Tab')
    await press('Enter')
    await press('Tab')
    expect(await isFocused(panel.button(text.wallets.connect('Test Wallet')))).toBe(true)
    await press('Enter')
    await panel.sees(accountText.empty.title)
  })
})

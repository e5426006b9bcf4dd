import { parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { accountText } from '../../panel/text/account.ts'
import { paymentText } from '../../panel/text/payment.ts'
import { welcomeText } from '../../panel/text/welcome.ts'
import { inspectPage } from '../support/inspectPage.ts'
import { openPanel, type Panel } from '../support/openPanel.ts'
import { type PanelScene, type Person, startPanelScene } from '../support/startPanelScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

let scene: PanelScene
beforeAll(async () => {
  scene = await startPanelScene()
})
afterEach(() => scene.endTest())
afterAll(() => scene?.stop())

const text = paymentText
const { steps, stage } = text.tracker

/** Until the wallet has sent so many payments; the newest's hash. */
async function sent({ wallet }: Person, count = 1): Promise<string> {
  return waitUntil(() => wallet.sent.length >= count && wallet.sent.at(-1), {
    withinMs: 15_000,
    what: 'the wallet to send',
  })
}

/** Mines one block after the other, and each time sees one confirmation more. */
async function confirm(panel: Panel, title: string, from: number, to: number): Promise<void> {
  for (let count = from; count <= to; count += 1) {
    await scene.chain.mine()
    await panel.payment(title).getByText(steps.confirmationsOf(count, 6)).waitFor()
  }
}

/** A head serves quotes for two seconds: what somebody was given a moment ago may not be in it yet. */
async function untilQuoted({ address }: Person, label: string): Promise<void> {
  const path = `/v1/quotes?rail=eth:${scene.chain.chainId}&wallet=${address}`
  const isQuoted = async () => {
    const { body } = await scene.service.request(path)
    return (body as { tier: { label: string } }).tier.label === label
  }
  await waitUntil(isQuoted, { withinMs: 15_000, what: `${label} in quotes`, everyMs: 100 })
}

describe('a payment by one click', () => {
  test.each([
    { symbol: 'ETH', title: '0.0005 ETH', minutes: '60', axgt: '0' },
    { symbol: 'USDC', title: '1 USDC', minutes: '60', axgt: '0' },
    { symbol: 'AXGT', title: '100 AXGT', minutes: '75', axgt: '150' },
  ])(
    'in $symbol: the smallest is sent, counted to six blocks and credited, and nothing else is clicked',
    async ({ symbol, title, minutes, axgt }) => {
      const person = await scene.newPerson({ axgt })
      const panel = await openPanel(person, scene.origin)
      await panel.enter()
      if (symbol === 'ETH') await inspectPage(panel.page, 'pay-open')
      const confirmInWallet = person.wallet.leaveNextOpen()
      await panel.button(text.send.minimum(symbol)).click()
      await panel.payment(title).getByText(stage.in_wallet('Test Wallet')).waitFor()
      if (symbol === 'ETH') await inspectPage(panel.page, 'paying-in-wallet')
      confirmInWallet()
      await sent(person)
      await panel.payment(title).getByText(stage.in_mempool).waitFor()
      if (symbol === 'ETH') await inspectPage(panel.page, 'paying-in-mempool')
      await confirm(panel, title, 1, 5)
      if (symbol === 'ETH') await inspectPage(panel.page, 'paying-confirming')
      await scene.chain.mine()
      await panel.payment(title).getByText(stage.credited(minutes)).waitFor()
      await panel.seesBalance(minutes)
      if (symbol === 'ETH') await inspectPage(panel.page, 'paying-credited')
      expect(person.wallet.sent).toHaveLength(1)
      const clicks = ['eth_requestAccounts', 'personal_sign', 'eth_sendTransaction']
      expect(clicks.map((method) => person.wallet.asked(method))).toEqual([1, 1, 1])
    },
  )

  test('costs a holder of AXGT less, and says how far the next discount is', async () => {
    const person = await scene.newPerson({ axgt: '1500' })
    await untilQuoted(person, 'Tier 2')
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    await panel.sees(text.rails.discount('Tier 2', '10'))
    await panel.sees(`${text.tier.held('1,500')}, ${text.tier.next('8,500', '15')}`)
    // Nothing but ETH is ever cheaper, so nothing else may promise it.
    expect(await panel.page.getByRole('progressbar', { name: text.tier.bar }).count()).toBe(1)
    await inspectPage(panel.page, 'pay-with-discount')
    await panel.button(text.send.minimum('ETH')).click()
    await sent(person)
    await confirm(panel, '0.00045 ETH', 1, 5)
    await scene.chain.mine()
    await panel.seesBalance('60')
  })

  test('of any amount is typed as an amount or as minutes, each giving the other', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    const chain = `chain ${scene.chain.chainId}`
    await panel.button(text.send.chooseFor('ETH', chain)).click()
    const amount = panel.page.getByRole('textbox', { name: text.send.amountField('ETH') })
    const minutes = panel.page.getByRole('textbox', { name: text.send.minutesField })
    await amount.fill('0.00123')
    expect(await minutes.inputValue()).toBe('147.6')
    await minutes.fill('90')
    expect(await amount.inputValue()).toBe('0.00075')
    await panel.sees(/^You get 90 min/)
    await inspectPage(panel.page, 'pay-amount')
    await amount.fill('0.0001')
    await panel.sees(text.send.belowMinimum('0.0005', 'ETH'))
    await amount.fill('1,500')
    await panel.sees(text.send.faults.ambiguous_comma)
    await inspectPage(panel.page, 'pay-amount-fault')
    await amount.fill('0.00075')
    await panel.button(text.send.amount('0.00075', 'ETH')).click()
    const hash = await sent(person)
    const { value } = await scene.chain.client.getTransaction({ hash: hash as `0x${string}` })
    expect(value).toBe(parseEther('0.00075'))
  })
})

describe('a payment under way', () => {
  test('goes on across a reload, a closed tab, and on another device, and ends on all of them', async () => {
    const account = await scene.newAccount()
    const person = await scene.newPerson({ account })
    const first = await openPanel(person, scene.origin)
    await first.enter()
    await first.button(text.send.minimum('USDC')).click()
    await sent(person)
    await confirm(first, '1 USDC', 1, 2)
    await first.page.reload()
    await confirm(first, '1 USDC', 3, 3)
    await first.page.close()
    await scene.chain.mine()
    const again = await openPanel(person, scene.origin)
    await again.payment('1 USDC').getByText(steps.confirmationsOf(4, 6)).waitFor()

    const phone = await scene.newPerson({ account })
    const other = await openPanel(phone, scene.origin)
    await other.enter()
    await other.payment('1 USDC').getByText(steps.confirmationsOf(4, 6)).waitFor()
    await confirm(other, '1 USDC', 5, 5)
    await scene.chain.mine()
    for (const panel of [again, other]) {
      await panel.payment('1 USDC').getByText(stage.credited('60')).waitFor()
      await panel.seesBalance('60')
    }
    expect([person.wallet.sent.length, phone.wallet.sent.length]).toEqual([1, 0])
  })

  test('sent from a page that is closed at once is credited all the same', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    await panel.button(text.send.minimum('ETH')).click()
    await sent(person)
    await panel.page.close()
    await scene.chain.mine(6)
    const again = await openPanel(person, scene.origin)
    await again.seesBalance('60')
  })

  test('moves nothing for whoever wants less motion', async () => {
    const person = await scene.newPerson({ reducedMotion: 'reduce' })
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    await panel.button(text.send.minimum('ETH')).click()
    await sent(person)
    await confirm(panel, '0.0005 ETH', 1, 1)
    expect(await panel.page.evaluate('document.getAnimations().length')).toBe(0)
  })

  test('is made with the keyboard alone, and where the focus is can always be seen', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await tabTo(panel, welcomeText.wallets.connect('Test Wallet'))
    await panel.page.keyboard.press('Enter')
    await panel.sees(accountText.empty.title)
    await tabTo(panel, text.send.minimum('AXGT'))
    await tabTo(panel, text.send.minimum('ETH'), 'Shift+Tab')
    await panel.page.keyboard.press('Space')
    await sent(person)
    await panel.payment('0.0005 ETH').waitFor()
  })
})

/** Presses Tab until a button of that name has the focus, and looks each time that the focus shows. */
async function tabTo(panel: Panel, name: string, key = 'Tab'): Promise<void> {
  const wanted = panel.button(name)
  await wanted.waitFor()
  for (let presses = 0; presses < 40; presses += 1) {
    await panel.page.keyboard.press(key)
    const outline = await panel.page.evaluate(
      'document.activeElement === document.body ? "body" : getComputedStyle(document.activeElement).outlineStyle',
    )
    if (outline === 'none')
      throw new Error(`the focus cannot be seen ${presses + 1} times ${key} on the way to ${name}`)
    if (await wanted.evaluate((element) => element.matches(':focus'))) return
  }
  throw new Error(`${name} cannot be reached with ${key}`)
}

describe('paying from another device', () => {
  test('shows the address, a code, and whom it is credited to', async () => {
    const person = await scene.newPerson()
    const panel = await openPanel(person, scene.origin)
    await panel.enter()
    await panel.button(text.elsewhere.title).click()
    await panel.sees(scene.chain.accounts.revenue)
    await panel.sees(text.elsewhere.warning(person.address))
    const chain = `chain ${scene.chain.chainId}`
    await panel.page.getByRole('img', { name: text.elsewhere.qr('0.0005', 'ETH', chain) }).waitFor()
    await panel.page.getByRole('radio', { name: text.elsewhere.onChain('USDC', chain) }).check()
    await panel.page.getByRole('img', { name: text.elsewhere.qr('1', 'USDC', chain) }).waitFor()
    await panel.sees(scene.usdc.address)
    await inspectPage(panel.page, 'pay-from-elsewhere')
    await person.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await panel.button(text.elsewhere.copyAddress).click()
    await panel.sees(text.elsewhere.addressCopied)
    expect(await panel.page.evaluate('navigator.clipboard.readText()')).toBe(scene.chain.accounts.revenue)
  })
})

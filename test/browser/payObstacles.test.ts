import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { problems } from '../../billing/api/problems.ts'
import { paymentText } from '../../panel/text/payment.ts'
import { problemTexts } from '../../panel/text/problems.ts'
import { welcomeText } from '../../panel/text/welcome.ts'
import { inspectPage } from '../support/inspectPage.ts'
import { openPanel, type Panel } from '../support/openPanel.ts'
import { type PanelScene, type Person, startPanelScene } from '../support/startPanelScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

let scene: PanelScene
let here: string
beforeAll(async () => {
  scene = await startPanelScene()
  here = `chain ${scene.chain.chainId}`
})
// It also looks at the other chain: anything at all in a block or in the pool there fails the test.
afterEach(() => scene.endTest())
afterAll(() => scene?.stop())

const { send, outcome, tracker } = paymentText
const rails = [{ symbol: 'ETH' }, { symbol: 'USDC' }, { symbol: 'AXGT' }]

async function enter(options: Parameters<PanelScene['newPerson']>[0] = {}) {
  const person = await scene.newPerson({ axgt: '500', ...options })
  const panel = await openPanel(person, scene.origin)
  await panel.enter()
  return { person, panel }
}

const rowOf = (panel: Panel, symbol: string) =>
  panel.page
    .getByRole('listitem')
    .filter({ has: panel.page.getByRole('heading', { name: `${symbol} on`, exact: false }) })

const asked = ({ wallet }: Person) => wallet.asked('eth_sendTransaction')

describe('a wallet on another network', () => {
  test('is offered no button that sends, on any rail, and switches by one click', async () => {
    const { person, panel } = await enter({ chainId: scene.otherChain.chainId })
    for (const { symbol } of rails) {
      await rowOf(panel, symbol)
        .getByRole('button', { name: send.switchTo(here), exact: true })
        .waitFor()
      await panel.button(send.chooseFor(symbol, here)).click()
    }
    await inspectPage(panel.page, 'wrong-network')
    expect(await panel.page.getByRole('button', { name: /^Send / }).count()).toBe(0)
    await panel.button(send.switchTo(here)).first().click()
    await panel.button(send.minimum('ETH')).click()
    await waitUntil(() => person.wallet.sent.length === 1, { withinMs: 15_000, what: 'the payment' })
    const [hash] = person.wallet.sent
    const { to } = await scene.chain.client.getTransaction({ hash: hash as `0x${string}` })
    expect(to).toBe(scene.chain.accounts.revenue)
  })

  // The wallet changed its network and told nobody: what the page shows is old when the button is pressed.
  test.each(rails)(
    'is never asked to send $symbol there, although the page believes it is here',
    async ({ symbol }) => {
      const { person, panel } = await enter()
      await panel.button(send.minimum(symbol)).waitFor()
      person.wallet.setChainSilently(scene.otherChain.chainId)
      await panel.button(send.minimum(symbol)).click()
      await panel.sees(outcome.wrongChain(here))
      expect(asked(person)).toBe(0)
      expect(person.wallet.sent).toEqual([])
    },
  )

  // It changes while its own window is open: only the transaction's own chain id can stop it then.
  test.each(rails)('refuses $symbol when it was switched with the request open', async ({ symbol }) => {
    const { person, panel } = await enter()
    const confirm = person.wallet.leaveNextOpen()
    await panel.button(send.minimum(symbol)).click()
    await waitUntil(() => asked(person) === 1, { withinMs: 15_000, what: 'the wallet to be asked' })
    await person.wallet.setChain(scene.otherChain.chainId)
    await panel.sees(tracker.stage.walletSwitched)
    confirm()
    await panel.sees(outcome.wrongChain(here))
    expect(person.wallet.sent).toEqual([])
  })

  test('that declines to switch, or does not know the network, is told about it', async () => {
    const { person, panel } = await enter({ chainId: scene.otherChain.chainId })
    const button = panel.button(send.switchTo(here)).first()
    await button.waitFor()
    person.wallet.rejectNext()
    await button.click()
    await panel.sees(outcome.switchRejected)
    person.wallet.forgetChain(scene.chain.chainId)
    await button.click()
    await panel.sees(outcome.switchUnknown(here, scene.chain.chainId))
    await inspectPage(panel.page, 'network-unknown')
  })
})

describe('a rail without a price', () => {
  // The service has no feed here that could go stale; the answer is put into its mouth, as it gives it where one does.
  test('says so, and what becomes of a payment made now', async () => {
    const person = await scene.newPerson()
    await person.context.route('**/v1/quotes?rail=eth*', (route) =>
      route.fulfill({
        status: 503,
        headers: { 'retry-after': '30' },
        contentType: 'application/problem+json',
        body: JSON.stringify({
          type: `${scene.origin}/problems/price_unavailable`,
          title: problems.price_unavailable.title,
          status: 503,
          detail: problems.price_unavailable.meaning,
          code: 'price_unavailable',
        }),
      }),
    )
    const panel = await openPanel(person, scene.origin)
    await panel.sees(welcomeText.prices.noPrice)
    await inspectPage(panel.page, 'welcome-without-price')
    await panel.enter()
    const { what, todo } = problemTexts.price_unavailable
    await panel.sees(`${what} ${todo}`)
    await panel.button(send.minimum('ETH')).waitFor()
    await inspectPage(panel.page, 'pay-without-price')
  })
})

describe('a payment that is not sent', () => {
  test('because it was declined in the wallet says so, and can be sent again', async () => {
    const { person, panel } = await enter()
    person.wallet.rejectNext()
    await panel.button(send.minimum('USDC')).click()
    await panel.sees(outcome.rejected)
    await inspectPage(panel.page, 'payment-declined')
    await panel.button(send.minimum('USDC')).click()
    await panel.payment('1 USDC').getByText(tracker.stage.in_mempool).waitFor()
    expect(person.wallet.sent).toHaveLength(1)
  })

  test('because of a wallet that fails says to look there first, with the words of the wallet', async () => {
    const { person, panel } = await enter()
    person.wallet.rejectNext({ code: -32603, message: 'The hardware wallet is locked' })
    await panel.button(send.minimum('ETH')).click()
    await panel.sees(outcome.failed('The hardware wallet is locked.'))
  })

  test('because there is too little of it says how much is missing, before the wallet opens', async () => {
    const { person, panel } = await enter({ usdc: '0.25', axgt: '0' })
    await panel.button(send.minimum('USDC')).click()
    await panel.sees(outcome.insufficientFunds('0.75', '0.25', 'USDC'))
    await inspectPage(panel.page, 'payment-too-little')
    await panel.button(send.minimum('AXGT')).click()
    await panel.sees(outcome.insufficientFunds('100', '0', 'AXGT'))
    expect(asked(person)).toBe(0)
  })

  test('because there is nothing for the network fee says so, before the wallet opens', async () => {
    const { person, panel } = await enter({ eth: '0.0000001' })
    await panel.button(send.minimum('USDC')).click()
    await panel.sees(/^You need about .+ ETH more for the network fee/)
    expect(asked(person)).toBe(0)
  })

  test('because another account was chosen meanwhile is not sent from that one', async () => {
    const [{ person, panel }, other] = [await enter(), await scene.newAccount()]
    await panel.button(send.minimum('ETH')).waitFor()
    await person.wallet.setAccount(other)
    await panel.button(send.minimum('ETH')).waitFor({ state: 'detached' })
    expect(asked(person)).toBe(0)
  })

  test('twice by two clicks is sent once', async () => {
    const { person, panel } = await enter({ axgt: '0' })
    const confirm = person.wallet.leaveNextOpen()
    await panel.button(send.minimum('ETH')).dblclick()
    await waitUntil(() => asked(person) === 1, { withinMs: 15_000, what: 'the wallet to be asked' })
    await panel.button(send.minimum('USDC')).click({ force: true })
    confirm()
    await panel.payment('0.0005 ETH').getByText(tracker.stage.in_mempool).waitFor()
    expect([asked(person), person.wallet.sent.length]).toEqual([1, 1])
  })
})

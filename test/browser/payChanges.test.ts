import type { Hash } from 'viem'
import { parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { shortHex } from '../../panel/format.ts'
import { paymentText } from '../../panel/text/payment.ts'
import { problemTexts } from '../../panel/text/problems.ts'
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

const { send, tracker, alreadySent } = paymentText
const { stage, steps } = tracker

async function enter(): Promise<{ person: Person; panel: Panel }> {
  const person = await scene.newPerson()
  const panel = await openPanel(person, scene.origin)
  await panel.enter()
  return { person, panel }
}

async function sendMinimum(panel: Panel, person: Person): Promise<Hash> {
  await panel.button(send.minimum('ETH')).click()
  return waitUntil(() => person.wallet.sent.at(-1), { withinMs: 15_000, what: 'the wallet to send' })
}

describe('a payment that was changed in the wallet', () => {
  // Goal: speeding up and cancelling are the same to a chain (another transaction with the nonce), not to a person.
  test('is followed when it was sped up, and told of when it was cancelled', async () => {
    const [hasty, regretful] = [await enter(), await enter()]
    const first = await sendMinimum(hasty.panel, hasty.person)
    const unwanted = await sendMinimum(regretful.panel, regretful.person)
    for (const { panel } of [hasty, regretful])
      await panel.payment('0.0005 ETH').getByText(stage.in_mempool).waitFor()
    // The page has to have seen the nonce by then, as it has after a moment.
    for (const { panel } of [hasty, regretful]) await untilNonceIsKnown(panel)
    await scene.chain.replace(first, { to: scene.chain.accounts.revenue, value: parseEther('0.0005') })
    await scene.chain.replace(unwanted)
    await scene.chain.mine()
    await hasty.panel.sees(tracker.spedUp)
    await regretful.panel.sees(stage.cancelled)
    await inspectPage(hasty.panel.page, 'payment-sped-up')
    await inspectPage(regretful.panel.page, 'payment-cancelled')
    await scene.chain.mine(5)
    await hasty.panel.seesBalance('60')
    await regretful.panel.seesBalance('0')
  })
})

async function untilNonceIsKnown({ page }: Panel): Promise<void> {
  const isKnown = () => page.evaluate('Object.values(localStorage).some((kept) => /"nonce":\\d/.test(kept))')
  await waitUntil(async () => (await isKnown()) === true, { withinMs: 15_000, what: 'the nonce to be kept' })
}

describe('a payment that the chain drops', () => {
  test('before its credit is explained, and credited when it is back', async () => {
    const { person, panel } = await enter()
    const { chain } = scene
    const hash = await sendMinimum(panel, person)
    const raw = await chain.rawTransaction(hash)
    await chain.mine(3)
    const card = panel.payment('0.0005 ETH')
    await card.getByText(steps.confirmationsOf(3, 6)).waitFor()
    await chain.reorg(3)
    await chain.mine()
    await card.getByText(stage.orphaned).waitFor()
    await inspectPage(panel.page, 'payment-orphaned')
    await chain.resend(raw)
    await chain.mine(6)
    await card.getByText(stage.credited('60')).waitFor()
    await panel.seesBalance('60')
  })

  test('after its credit takes the minutes back, and gives them again when it is back', async () => {
    const { person, panel } = await enter()
    const { chain } = scene
    const hash = await sendMinimum(panel, person)
    const raw = await chain.rawTransaction(hash)
    await chain.mine(6)
    const card = panel.payment('0.0005 ETH')
    await card.getByText(stage.credited('60')).waitFor()
    await chain.reorg(7)
    await chain.mine()
    await card.getByText(stage.reversed).waitFor()
    await panel.seesBalance('0')
    await inspectPage(panel.page, 'payment-reversed')
    await chain.resend(raw)
    await chain.mine(6)
    await panel.seesBalance('60')
  })
})

describe('a transaction hash that somebody pastes', () => {
  const credit = async (panel: Panel, hash: string) => {
    await panel.page.getByRole('textbox', { name: alreadySent.field }).fill(hash)
    await panel.button(alreadySent.button).click()
  }
  const sees = (panel: Panel, { what, todo }: { what: string; todo: string }) => panel.sees(`${what} ${todo}`)

  test('is refused with what is wrong with it, before anybody is asked', async () => {
    const { person, panel } = await enter()
    await credit(panel, '')
    await panel.sees(alreadySent.faults.empty)
    await credit(panel, person.address)
    await panel.sees(alreadySent.faults.address)
    await credit(panel, `0x${'a'.repeat(63)}`)
    await panel.sees(alreadySent.faults.short(63))
    await inspectPage(panel.page, 'hash-malformed')
  })

  test('that nobody knows, or that pays nothing here, says what to do', async () => {
    const { person, panel } = await enter()
    await credit(panel, `0x${'ab'.repeat(32)}`)
    await sees(panel, problemTexts.transaction_not_found)
    await inspectPage(panel.page, 'hash-unknown')
    const { chain } = scene
    const { hashes } = await chain.mineWith(
      chain.transferEth({ from: person.address, to: chain.accounts.other, value: 1n }),
    )
    await credit(panel, hashes[0])
    await sees(panel, problemTexts.no_qualifying_transfer)
  })

  test('of a payment on its way is followed to its credit', async () => {
    const { person, panel } = await enter()
    const { chain } = scene
    const hash = await chain.transferEth({ from: person.address, value: parseEther('0.001') })
    await chain.mine(2)
    // The page has found it by itself; from then on nothing moves under the pointer.
    await panel.payment('0.001 ETH').getByText(steps.confirmationsOf(2, 6)).waitFor()
    await credit(panel, hash)
    await panel.sees(alreadySent.followed)
    await chain.mine(4)
    await panel.payment('0.001 ETH').getByText(stage.credited('120')).waitFor()
    await panel.seesBalance('120')
  })

  test('of a payment credited before shows that, and credits nothing again', async () => {
    const { person, panel } = await enter()
    const hash = await sendMinimum(panel, person)
    await scene.chain.mine(6)
    await panel.seesBalance('60')
    await panel.button(tracker.dismissNamed('0.0005 ETH')).click()
    await panel.payment('0.0005 ETH').waitFor({ state: 'detached' })
    await credit(panel, hash)
    await panel.payment('0.0005 ETH').getByText(stage.credited('60')).waitFor()
    await panel.seesBalance('60')
    expect((await scene.booksOf(person.address)).entries).toHaveLength(1)
  })

  test('of somebody else’s payment says whom it was credited to', async () => {
    const [{ panel }, payer] = [await enter(), await scene.newPayer()]
    const { chain } = scene
    const { hashes } = await chain.mineWith(chain.transferEth({ from: payer, value: parseEther('0.001') }))
    await chain.mine(5)
    await credit(panel, hashes[0])
    await panel
      .payment('0.001 ETH')
      .getByText(stage.creditedTo('120', shortHex(payer)))
      .waitFor()
    await inspectPage(panel.page, 'hash-of-another')
    await panel.seesBalance('0')
  })
})

import type { Locator, Page } from 'playwright-core'
import { accountText } from '../../panel/text/account.ts'
import { welcomeText } from '../../panel/text/welcome.ts'
import type { Device } from './startBrowser.ts'

/** The page as somebody works it: by what they read, never by how it is built. */
export interface Panel {
  page: Page
  /** A button by its whole name. */
  button(name: string): Locator
  /** Connects the wallet; the page goes on to ask for the signature by itself. */
  connect(): Promise<void>
  /** Connects and signs in, until the account is there. */
  enter(): Promise<void>
  /** Waits for a balance of so many minutes, as it is written there. */
  seesBalance(minutes: string): Promise<void>
  /** The card of a payment on its way or at its end, by what it says it is: `0.0005 ETH`. */
  payment(title: string): Locator
  /** Waits for a text anywhere on the page. */
  sees(text: string | RegExp): Promise<void>
}

const WALLET_NAME = 'Test Wallet'

/** Opens the page in a new tab of somebody's device. */
export async function openPanel(device: Device, url: string): Promise<Panel> {
  const page = await device.newPage()
  await page.goto(url)
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const balance = page.getByRole('region', { name: accountText.balance })
  const connect = () => button(welcomeText.wallets.connect(WALLET_NAME)).click()
  return {
    page,
    button,
    connect,
    async enter() {
      await connect()
      await balance.waitFor()
    },
    async seesBalance(minutes) {
      await balance.getByText(new RegExp(`^${minutes.replace('.', '\\.')} minutes$`)).waitFor()
    },
    payment: (title) => page.getByRole('article', { name: title, exact: true }),
    async sees(text) {
      await page.getByText(text).first().waitFor()
    },
  }
}

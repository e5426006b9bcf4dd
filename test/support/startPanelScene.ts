import { randomUUID } from 'node:crypto'
import { type Address, parseEther, parseUnits } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { inject } from 'vitest'
import { takeTurns } from '../../demo/takeTurns.ts'
import { freePort } from '../../supervisor/freePort.ts'
import { createChain, type TestChain } from './createChain.ts'
import { installTestWallet } from './installTestWallet.ts'
import { type Browser, type Device, type DeviceOptions, startBrowser } from './startBrowser.ts'
import { type Scene, startScene } from './startScene.ts'
import type { TestWallet } from './testWallet.ts'

/** Another network that wallets know and the service does not. */
const OTHER_CHAIN_ID = 31_338

/** Somebody with a wallet, at a device. */
export interface Person extends Device {
  account: PrivateKeyAccount
  /** Lower-case. */
  address: Address
  wallet: TestWallet
}

export interface PersonOptions extends Partial<Omit<DeviceOptions, 'origin'>> {
  /** Default: a fresh one with 10 ETH, 1000 USDC and as much AXGT as told, on both chains as far as ETH goes. */
  account?: PrivateKeyAccount
  /** Whole AXGT that a fresh account has. Default 0. */
  axgt?: string
  /** Whole ETH that a fresh account has. Default 10. */
  eth?: string
  /** Whole USDC that a fresh account has. Default 1000. */
  usdc?: string
  /** The network the wallet is on. Default: that of the service. */
  chainId?: number
}

export interface PanelScene extends Scene {
  browser: Browser
  /** Where the page is. */
  origin: string
  /** A second network, with ETH for everybody, on which nothing must ever happen. */
  otherChain: TestChain
  /** A device without a wallet. */
  newVisitor(options?: Partial<Omit<DeviceOptions, 'origin'>>): Promise<Device>
  newPerson(options?: PersonOptions): Promise<Person>
  /** For somebody with several devices: the same `account` for each `newPerson`. */
  newAccount(options?: Pick<PersonOptions, 'axgt' | 'eth' | 'usdc'>): Promise<PrivateKeyAccount>
  /** Credit out of nothing (or, with a minus, gone into nothing), by the operator. */
  adjust(address: Address, minutes: string): Promise<void>
  /** A desktop that somebody starts; the function sends its heartbeats. */
  startDesktop(wallet: Address, profile: string): Promise<{ beat(): Promise<void>; release(): Promise<void> }>
  /**
   * The end of a test: everybody leaves. Throws when a page did what no page of ours may do, see `Device.faults`, or
   * anything happened on the other chain.
   */
  endTest(): Promise<void>
}

/**
 * A chain, the whole real service with the page it serves, a browser, and a second chain for the wallets. One for a test
 * file; each test brings a person of its own, whose account nobody else has.
 */
export async function startPanelScene(overrides: Record<string, string> = {}): Promise<PanelScene> {
  const fault = inject('panelFault')
  if (fault !== null) throw new Error(`there is no page to look at: ${fault}`)
  const port = String(await freePort())
  const origin = `http://127.0.0.1:${port}`
  const [scene, otherChain, browser] = await Promise.all([
    startScene({ proxies: 1, overrides: { PORT: port, PUBLIC_URL: origin, ...overrides } }),
    createChain({ chainId: OTHER_CHAIN_ID }),
    startBrowser(),
  ])
  const devices: Device[] = []
  const newVisitor: PanelScene['newVisitor'] = async (options) => {
    const device = await browser.newDevice({ origin, ...options })
    devices.push(device)
    return device
  }
  // One after the other: each waits for its tokens to be in a block of its own.
  const newAccount = takeTurns(async (has: Parameters<PanelScene['newAccount']>[0] = {}) => {
    const account = privateKeyToAccount(generatePrivateKey())
    await fund(scene, otherChain, account.address.toLowerCase() as Address, has)
    return account
  })
  return {
    ...scene,
    browser,
    origin,
    otherChain,
    newAccount,
    newVisitor,
    async newPerson({ account: given, axgt, eth, usdc, chainId = scene.chain.chainId, ...device } = {}) {
      const has = { ...(axgt && { axgt }), ...(eth && { eth }), ...(usdc && { usdc }) }
      const account = given ?? (await newAccount(has))
      const opened = await newVisitor(device)
      const chains = { [scene.chain.chainId]: scene.chain.rpcUrl, [OTHER_CHAIN_ID]: otherChain.rpcUrl }
      const wallet = await installTestWallet(opened.context, { account, chains, chainId })
      return { ...opened, account, wallet, address: wallet.address }
    },
    adjust: (address, minutes) => adjust(scene, address, minutes),
    startDesktop: (wallet, profile) => startDesktop(scene, wallet, profile),
    async endTest() {
      const left = devices.splice(0)
      const faults = left.flatMap((device) => device.faults())
      for (const device of left) await device.close()
      if (faults.length > 0) throw new Error(`the page did what it must not do:\n${faults.join('\n')}`)
      if ((await otherChain.head()).number > 0n) throw new Error('something was mined on the other chain')
      const { pending } = await otherChain.client.getTxpoolStatus()
      if (pending > 0) throw new Error(`${pending} transactions were sent on the other chain`)
    },
    async stop() {
      await browser.stop()
      await scene.stop()
      await otherChain.stop()
    },
  }
}

async function fund(
  { chain, usdc, axgt }: Scene,
  otherChain: TestChain,
  address: Address,
  has: { axgt?: string; eth?: string; usdc?: string },
): Promise<void> {
  for (const { client } of [chain, otherChain]) {
    await client.setBalance({ address, value: parseEther(has.eth ?? '10') })
  }
  // So that a test may replace what the wallet sent, as a wallet does that speeds up or cancels.
  await chain.client.impersonateAccount({ address })
  await chain.mineWith(
    chain.mintToken(usdc, address, parseUnits(has.usdc ?? '1000', 6)),
    chain.mintToken(axgt, address, parseUnits(has.axgt ?? '0', 18)),
  )
}

async function adjust({ service }: Scene, wallet: Address, minutes: string): Promise<void> {
  const { status, body } = await service.request('/v1/admin/adjustments', {
    key: service.adminKey,
    headers: { 'idempotency-key': randomUUID() },
    json: { wallet, minutes, reason: 'for a test' },
  })
  if (status >= 300) throw new Error(`the adjustment answered ${status}: ${JSON.stringify(body)}`)
}

async function startDesktop({ service }: Scene, wallet: Address, profile: string) {
  const key = service.serviceKey
  const { status, body } = await service.request('/v1/sessions', { key, json: { wallet, profile } })
  if (status !== 201) throw new Error(`the start answered ${status}: ${JSON.stringify(body)}`)
  const { id } = body as { id: string }
  const tell = async (what: 'heartbeat' | 'release') => {
    await service.request(`/v1/sessions/${id}/${what}`, { key, method: 'POST' })
  }
  return { beat: () => tell('heartbeat'), release: () => tell('release') }
}

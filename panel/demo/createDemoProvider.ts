import { type Address, createWalletClient, defineChain, type Hex, hexToBigInt, hexToString, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Config } from '../api/apiTypes.ts'
import { demoText } from '../text/demo.ts'
import { askVisitor, type Question } from './askVisitor.ts'
import { demoWalletMark } from './demoWalletMark.ts'
import { type AskedTransaction, describePayment } from './describePayment.ts'

/** The fourth account of `test test … junk`. Its key is public: on a real chain, anything sent to it is stolen at once. */
const KEY = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'

const REJECTED = { code: 4001, message: 'User rejected the request.' }
const UNAUTHORIZED = { code: 4100, message: 'The page is not connected.' }
const UNKNOWN_CHAIN = { code: 4902, message: 'Unrecognized chain ID.' }

interface Call {
  method: string
  params?: unknown
}

type Listener = (value: unknown) => void

/**
 * Makes the provider (EIP-1193) of the demo's wallet: it asks before it connects, signs or sends, as a wallet does, and
 * signs in the page with a publicly known key. It reaches the local chain through the demo's own server.
 */
export function createDemoProvider(rpcUrl: string) {
  const account = privateKeyToAccount(KEY)
  const listeners = new Map<string, Set<Listener>>()
  const isConnected = () => localStorage.getItem(demoWalletMark) !== null
  let opened: ReturnType<typeof openChain> | null = null
  const chain = async () => {
    opened ??= openChain(rpcUrl)
    return opened.catch((error: unknown) => {
      // The service may just be restarting.
      opened = null
      throw error
    })
  }
  const confirm = async ({ facts, ...question }: Question) => {
    const own = { label: demoText.account, value: account.address, isLong: true }
    if (!(await askVisitor({ ...question, facts: [own, ...facts] }))) throw refuse(REJECTED)
  }

  async function connect(): Promise<Address[]> {
    if (!isConnected()) await confirm({ ...demoText.connect, facts: [] })
    localStorage.setItem(demoWalletMark, 'connected')
    return [account.address]
  }

  function disconnect(): null {
    localStorage.removeItem(demoWalletMark)
    for (const listener of [...(listeners.get('accountsChanged') ?? [])]) listener([])
    return null
  }

  async function sign(message: Hex): Promise<Hex> {
    const facts = [{ label: demoText.message, value: hexToString(message), isLong: true }]
    await confirm({ ...demoText.sign, facts })
    return account.signMessage({ message: { raw: message } })
  }

  async function send(asked: AskedTransaction): Promise<Hex> {
    const { client, rails } = await chain()
    const { to, data, value } = asked
    await confirm({ ...demoText.send, facts: describePayment(asked, rails) })
    const payment = { to, ...(data && { data }), ...(value && { value: hexToBigInt(value) }) }
    return client.sendTransaction({ account, ...payment })
  }

  async function request({ method, params = [] }: Call): Promise<unknown> {
    const [first] = params as unknown[]
    switch (method) {
      case 'eth_requestAccounts':
        return connect()
      case 'eth_accounts':
        return isConnected() ? [account.address] : []
      case 'wallet_revokePermissions':
        return disconnect()
      case 'wallet_switchEthereumChain':
      case 'wallet_addEthereumChain': {
        const { client } = await chain()
        if (Number((first as { chainId: Hex }).chainId) !== client.chain.id) throw refuse(UNKNOWN_CHAIN)
        return null
      }
      case 'personal_sign':
        if (!isConnected()) throw refuse(UNAUTHORIZED)
        return sign(first as Hex)
      case 'eth_sendTransaction':
        if (!isConnected()) throw refuse(UNAUTHORIZED)
        return send(first as AskedTransaction)
      default:
        return (await chain()).client.request({ method, params } as never)
    }
  }

  const provider = {
    request,
    on(event: string, listener: Listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
      return provider
    },
    removeListener(event: string, listener: Listener) {
      listeners.get(event)?.delete(listener)
      return provider
    },
  }
  return provider
}

/** The one chain of the demo, and what can be paid with on it. */
async function openChain(rpcUrl: string) {
  const { rails, chains } = (await (await fetch('/v1/config')).json()) as Config
  const [only] = chains
  if (only === undefined) throw new Error('the demo has no chain')
  const client = createWalletClient({
    chain: defineChain({
      id: only.chainId,
      name: demoText.walletName,
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [rpcUrl] } },
    }),
    transport: http(rpcUrl),
  })
  return { rails, client }
}

function refuse({ code, message }: { code: number; message: string }): Error {
  return Object.assign(new Error(message), { code })
}

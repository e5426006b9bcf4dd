import {
  type Address,
  createPublicClient,
  createWalletClient,
  defineChain,
  type Hash,
  type Hex,
  hexToBigInt,
  http,
  numberToHex,
} from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'

export interface WalletRequest {
  method: string
  params?: unknown[]
}

/** An error as wallets raise it (EIP-1193). */
export interface WalletError {
  code: number
  message: string
}

export type WalletAnswer = { result: unknown } | { error: WalletError }

export interface TestWalletOptions {
  account: PrivateKeyAccount
  /** RPC URL by chain id. */
  chains: Record<number, string>
  /** The network it is on at first. */
  chainId: number
}

/** What a person does about the next request that has to be confirmed. */
type Decision = { kind: 'reject'; error: WalletError } | { kind: 'dawdle'; until: Promise<void> }

const DECIDED_BY_A_PERSON = new Set([
  'eth_requestAccounts',
  'eth_sendTransaction',
  'personal_sign',
  'wallet_switchEthereumChain',
  'wallet_addEthereumChain',
])

const refusal = { code: 4001, message: 'User rejected the request.' }
const unauthorized: WalletAnswer = { error: { code: 4100, message: 'The page is not connected.' } }

/**
 * The wallet of one person on one device: keys, networks, and what that person decides. A page talks to it by `answer`,
 * see `installTestWallet`; a test works it by the other methods. Whoever is connected stays so across a reload.
 */
export class TestWallet {
  /** Everything it was asked, in order. */
  readonly log: WalletRequest[] = []
  /** Hashes of what it sent, in order. */
  readonly sent: Hash[] = []
  #account: PrivateKeyAccount
  #chainId: number
  #connected = false
  #decision: Decision | null = null
  readonly #chains: Record<number, string>
  readonly #known: Set<number>
  readonly #emit: (event: string, value: unknown) => Promise<void>

  constructor(options: TestWalletOptions, emit: (event: string, value: unknown) => Promise<void>) {
    this.#account = options.account
    this.#chainId = options.chainId
    this.#chains = options.chains
    this.#known = new Set(Object.keys(options.chains).map(Number))
    this.#emit = emit
  }

  /** Lower-case. */
  get address(): Address {
    return this.#account.address.toLowerCase() as Address
  }

  get chainId(): number {
    return this.#chainId
  }

  /** How often it was asked this. */
  asked(method: string): number {
    return this.log.filter((request) => request.method === method).length
  }

  /** The next request that a person decides is refused. */
  rejectNext(error: Partial<WalletError> = {}): void {
    this.#decision = { kind: 'reject', error: { ...refusal, ...error } }
  }

  /** The next one stays open until the function returned is called; then it is confirmed. */
  leaveNextOpen(): () => void {
    let confirm = () => {}
    const until = new Promise<void>((resolve) => {
      confirm = resolve
    })
    this.#decision = { kind: 'dawdle', until }
    return () => confirm()
  }

  /** The person chooses another account in the wallet. */
  async setAccount(account: PrivateKeyAccount): Promise<void> {
    this.#account = account
    if (this.#connected) await this.#emit('accountsChanged', [account.address])
  }

  /** The person chooses another network in the wallet. */
  async setChain(chainId: number): Promise<void> {
    this.#chainId = chainId
    await this.#emit('chainChanged', numberToHex(chainId))
  }

  /** The same by a wallet that tells nobody, or too late. */
  setChainSilently(chainId: number): void {
    this.#chainId = chainId
  }

  /** The person takes the page's permission away in the wallet. */
  async disconnect(): Promise<void> {
    this.#connected = false
    await this.#emit('accountsChanged', [])
  }

  /** A network that has to be added before it can be switched to. */
  forgetChain(chainId: number): void {
    this.#known.delete(chainId)
  }

  /** Answers a request of the page as wallets do; never rejects. */
  async answer(request: WalletRequest): Promise<WalletAnswer> {
    this.log.push(request)
    try {
      const decision = DECIDED_BY_A_PERSON.has(request.method) ? this.#decision : null
      if (decision) this.#decision = null
      if (decision?.kind === 'reject') return { error: decision.error }
      await decision?.until
      return await this.#do(request)
    } catch (error) {
      const { code = -32603, details, message } = error as Error & { code?: number; details?: string }
      return { error: { code, message: details ?? message } }
    }
  }

  async #do({ method, params = [] }: WalletRequest): Promise<WalletAnswer> {
    switch (method) {
      case 'eth_requestAccounts':
        this.#connected = true
        return { result: [this.#account.address] }
      case 'eth_accounts':
        return { result: this.#connected ? [this.#account.address] : [] }
      case 'wallet_revokePermissions':
        await this.disconnect()
        return { result: null }
      case 'eth_chainId':
        return { result: numberToHex(this.#chainId) }
      case 'wallet_addEthereumChain':
        this.#known.add(chainIn(params))
        return this.#switchTo(chainIn(params))
      case 'wallet_switchEthereumChain':
        return this.#switchTo(chainIn(params))
      case 'personal_sign':
        if (!this.#connected) return unauthorized
        return { result: await this.#account.signMessage({ message: { raw: params[0] as Hex } }) }
      case 'eth_sendTransaction':
        return this.#connected ? this.#send(params[0] as SentTransaction) : unauthorized
      default: {
        const client = createPublicClient({ transport: http(this.#rpcUrl) })
        return { result: await client.request({ method, params } as never) }
      }
    }
  }

  async #switchTo(chainId: number): Promise<WalletAnswer> {
    if (!this.#known.has(chainId)) return { error: { code: 4902, message: 'Unrecognized chain ID.' } }
    if (chainId !== this.#chainId) await this.setChain(chainId)
    return { result: null }
  }

  /** Like a real one, it takes a transaction that names no chain for one on the network it happens to be on. */
  async #send({ chainId, to, data, value, gas }: SentTransaction): Promise<WalletAnswer> {
    if (chainId !== undefined && Number(chainId) !== this.#chainId) {
      return { error: { code: -32602, message: 'The transaction is for another chain.' } }
    }
    const client = createWalletClient({
      account: this.#account,
      chain: describeChain(this.#chainId, this.#rpcUrl),
      transport: http(this.#rpcUrl),
    })
    const hash = await client.sendTransaction({
      to,
      ...(data && { data }),
      ...(value && { value: hexToBigInt(value) }),
      ...(gas && { gas: hexToBigInt(gas) }),
    })
    this.sent.push(hash)
    return { result: hash }
  }

  get #rpcUrl(): string {
    const url = this.#chains[this.#chainId]
    if (url === undefined) throw new Error(`the test wallet has no RPC for chain ${this.#chainId}`)
    return url
  }
}

interface SentTransaction {
  to: Address
  data?: Hex
  value?: Hex
  gas?: Hex
  chainId?: Hex
}

function chainIn(params: unknown[]): number {
  return Number((params[0] as { chainId: Hex }).chainId)
}

function describeChain(id: number, rpcUrl: string) {
  const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }
  return defineChain({ id, name: `test ${id}`, nativeCurrency, rpcUrls: { default: { http: [rpcUrl] } } })
}

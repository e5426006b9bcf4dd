import { type Address, type Hash, parseUnits } from 'viem'
import type { DemoChain } from './demoChain.ts'

export interface DemoPayment {
  rail: 'eth' | 'usdc' | 'axgt'
  /** What is paid, in words. */
  paid: string
  who: string
  payer: Address
  /** From the price list, as in the docs and settings. */
  expectedMinutes: string
  send(): Promise<Hash>
}

/** The payments of the demo, one on each rail and one with the discount for holding AXGT. */
export function demoPayments(chain: DemoChain): DemoPayment[] {
  const { buyer, holder } = chain.people
  let tellEthIsPaid: () => void = () => {}
  const ethIsPaid = new Promise<void>((resolve) => {
    tellEthIsPaid = resolve
  })
  return [
    {
      rail: 'eth',
      paid: '0.0005 ETH',
      who: 'buyer',
      payer: buyer,
      expectedMinutes: '60',
      async send() {
        const hash = await chain.payEth(buyer, parseUnits('0.0005', 18))
        void chain.mined(hash).then(tellEthIsPaid, tellEthIsPaid)
        return hash
      },
    },
    {
      rail: 'eth',
      paid: '0.000375 ETH',
      who: 'holder of 100 000 AXGT',
      payer: holder,
      expectedMinutes: '60',
      send: () => chain.payEth(holder, parseUnits('0.000375', 18)),
    },
    {
      rail: 'usdc',
      paid: '1 USDC',
      who: 'buyer',
      payer: buyer,
      expectedMinutes: '60',
      send: () => chain.payToken(chain.usdc, buyer, parseUnits('1', 6)),
    },
    {
      rail: 'axgt',
      paid: '100 AXGT',
      who: 'buyer',
      payer: buyer,
      expectedMinutes: '75',
      async send() {
        // Only after the ETH payment: a holder of 100 AXGT would have got more minutes for it.
        await ethIsPaid
        await chain.give(chain.axgt, buyer, parseUnits('100', 18))
        return chain.payToken(chain.axgt, buyer, parseUnits('100', 18))
      },
    },
  ]
}

import type { Address, Hash } from 'viem'
import type { Evidence } from '../../../billing/chain/proof/evidence.ts'
import type { Agreed } from '../../../billing/chain/rpc/agree.ts'
import type { Asset, Fraction, PricingConfig } from '../../../billing/config/config.ts'
import type { OpenDeposit } from '../../../billing/deposits/deposit.ts'
import type { PlanContext } from '../../../billing/gate/planDeposit.ts'

export const PAYER: Address = `0x${'aa'.repeat(20)}`
export const OTHER: Address = `0x${'bb'.repeat(20)}`
export const WALLET: Address = `0x${'cc'.repeat(20)}`
export const TX: Hash = `0x${'11'.repeat(32)}`
export const BLOCK: Hash = `0x${'22'.repeat(32)}`
export const AT = 1_700_000_000n
export const ETHER = 10n ** 18n
/** 60 minutes at tier 0, and the minimum there. */
export const HOUR_OF_ETHER = ETHER / 2_000n
export const HOUR = 3_600_000_000n

const of = (numerator: bigint, denominator = 1n): Fraction => ({ numerator, denominator })
const decimals: Record<Asset, number> = { eth: 18, usdc: 6, axgt: 18 }

export const pricing: PricingConfig = {
  usdPerHour: of(1n),
  ethUsdMaxAgeSeconds: 7_200,
  eth: { mode: 'fixed', minutesPerEth: of(120_000n), minimumEth: of(5n, 10_000n) },
  usdc: { minimumUsdc: of(1n) },
  axgt: {
    mode: 'fixed',
    minutesPer100: of(60n),
    minimumAxgt: of(100n),
    bonusPercent: of(25n),
    dailyCapMicros: null,
  },
  tiers: [
    { minimumAxgt: 0n, discountPercent: of(0n) },
    { minimumAxgt: 100n, discountPercent: of(5n) },
    { minimumAxgt: 100_000n, discountPercent: of(25n) },
  ],
}

export function deposit(asset: Asset, change: Partial<OpenDeposit> = {}): OpenDeposit {
  return {
    id: `1-${TX}-${asset}-${PAYER}`,
    chainId: 1,
    txHash: TX,
    rail: `${asset}:1`,
    payer: PAYER,
    state: 'pending',
    reason: null,
    detail: null,
    amountBaseUnits: 1n,
    seenBaseUnits: null,
    seenUnder: null,
    blockNumber: 100n,
    blockHash: BLOCK,
    attempt: 0,
    failures: 0,
    ...change,
  }
}

export function context(asset: Asset, change: Partial<PlanContext> = {}): PlanContext {
  const token = asset === 'eth' ? null : OTHER
  return {
    rail: { config: { rail: `${asset}:1`, asset, chainId: 1, token }, decimals: decimals[asset] },
    setup: { wallet: WALLET, ethDetection: 'traces' },
    pricing,
    axgtDecimals: 18,
    history: null,
    ...change,
  }
}

type Canonical = Extract<Evidence, { canonical: true }>

/** That the payer paid so much in the deposit's transaction and holds no AXGT, but for what is changed. */
export function proven(
  asset: Asset,
  amountBaseUnits: bigint,
  change: Partial<Canonical> = {},
): Agreed<Evidence> {
  return {
    kind: 'agreed',
    value: {
      canonical: true,
      timestamp: AT,
      transactions: [{ txHash: TX, succeeded: true, transfers: [{ asset, payer: PAYER, amountBaseUnits }] }],
      unread: [],
      axgtBalances: [{ holder: PAYER, balance: 0n }],
      shortfalls: [],
      oracle: null,
      ...change,
    },
  }
}

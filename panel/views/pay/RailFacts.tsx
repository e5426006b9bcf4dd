import type { Asset, Quote, RailConfig } from '../../api/apiTypes.ts'
import { durationText } from '../../format.ts'
import { showAmount } from '../../pay/amounts.ts'
import { type TierStep, tierProgress } from '../../pay/tierProgress.ts'
import { config } from '../../state/config.ts'
import { paymentText } from '../../text/payment.ts'
import { Skeleton } from '../Skeleton.tsx'

const AXGT_DECIMALS = 18
const MICROS_PER_SECOND = 1_000_000n

/** What makes up the price on a rail: the price and its age, the bonus, the discount and the distance to the next one. */
export function RailFacts({ rail, quote }: { rail: RailConfig; quote: Quote }) {
  const text = paymentText.rails
  const hasDiscount = quote.tier.discountPercent !== '0'
  const hasBonus = quote.bonusPercent !== '0'
  return (
    <div class="rail-facts small soft">
      <p>
        <span class="figure">{text.price(priceText(quote.price), rail.symbol)}</span>, {sourceText(quote)}
      </p>
      {hasBonus && <p class="good">{text.bonus(quote.bonusPercent)}</p>}
      {hasDiscount && <p class="good">{text.discount(quote.tier.label, quote.tier.discountPercent)}</p>}
      {quote.axgtBalance !== null && <AxgtHeld rail={rail} balanceBaseUnits={BigInt(quote.axgtBalance)} />}
    </div>
  )
}

/** Holding AXGT makes only ETH cheaper, so only ETH shows how far the next discount is. */
function AxgtHeld({ rail, balanceBaseUnits }: { rail: RailConfig; balanceBaseUnits: bigint }) {
  switch (rail.asset) {
    case 'eth':
      return <TierLine balanceBaseUnits={balanceBaseUnits} />
    case 'axgt':
      return <p>{paymentText.tier.held(showAmount(balanceBaseUnits, rail.decimals, 4))}</p>
    case 'usdc':
      return null
  }
}

function TierLine({ balanceBaseUnits }: { balanceBaseUnits: bigint }) {
  const known = config.value
  if (known === null || known.tiers.length < 2) return null
  const decimals = known.rails.find(({ asset }) => asset === 'axgt')?.decimals ?? AXGT_DECIMALS
  const tiers: TierStep[] = known.tiers.map((tier) => ({
    ...tier,
    minimumWholeAxgt: BigInt(tier.minimumAxgt),
  }))
  const { next, missingBaseUnits, permille } = tierProgress(balanceBaseUnits, decimals, tiers)
  const text = paymentText.tier
  const held = text.held(showAmount(balanceBaseUnits, decimals, 4))
  const missing = roundUp(missingBaseUnits, decimals, 4)
  return (
    <>
      <p>
        {held}
        {', '}
        {next === null ? text.highest : text.next(showAmount(missing, decimals, 4), next.discountPercent)}
      </p>
      {next !== null && (
        <div
          class="tier-bar"
          role="progressbar"
          aria-label={text.bar}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.floor(permille / 10)}
        >
          <span style={{ width: `${permille / 10}%` }} />
        </div>
      )}
    </>
  )
}

/** Rounded up, so that getting the amount shown is enough to reach the tier. */
function roundUp(baseUnits: bigint, decimals: number, places: number): bigint {
  const step = 10n ** BigInt(Math.max(0, decimals - places))
  return ((baseUnits + step - 1n) / step) * step
}

/** A price of at least a dollar is shown to the cent; a smaller one by its first significant digits. */
function priceText(usd: string): string {
  const [whole = '0', fraction = ''] = usd.split('.')
  const leading = /^0*/.exec(fraction)?.[0].length ?? 0
  const cut = whole === '0' ? fraction.slice(0, leading + 4) : fraction.slice(0, 2).padEnd(2, '0')
  const shown = /^0*$/.test(cut) ? '' : `.${cut}`
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ',')}${shown}`
}

function sourceText({ priceSource }: Quote): string {
  const text = paymentText.rails
  const { kind, ageSeconds } = priceSource
  const unit = ageSeconds !== null && ageSeconds < 60 ? 's' : 'min'
  const age = ageSeconds === null ? null : durationText(BigInt(ageSeconds) * MICROS_PER_SECOND, unit)
  switch (kind) {
    case 'fixed':
      return text.fixed
    case 'chainlink':
      return text.chainlink(age)
    case 'twap':
      return text.twap(age)
  }
}

/** The price; for AXGT also the bonus, for ETH also the AXGT held with the progress to the next tier. */
const LINES: Record<Asset, number> = { eth: 2, usdc: 1, axgt: 2 }

/** Holds the place of the facts while the quote is loading. */
export function RailFactsSkeleton({ asset }: { asset: Asset }) {
  return (
    <div class="rail-facts small">
      {Array.from({ length: LINES[asset] }, (_, line) => (
        <p key={line}>
          <Skeleton width={line === 0 ? '14em' : '18em'} />
        </p>
      ))}
      {asset === 'eth' && <div class="tier-bar" />}
    </div>
  )
}

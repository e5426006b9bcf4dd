import type { RailConfig } from '../api/apiTypes.ts'
import { minutesText } from '../format.ts'
import { showAmount } from '../pay/amounts.ts'
import { knownChain } from '../pay/chains.ts'
import { config } from '../state/config.ts'
import { minimumQuotes } from '../state/quotes.ts'
import { commonText } from '../text/common.ts'
import { welcomeText } from '../text/welcome.ts'
import { PendingRows } from './PendingRows.tsx'
import { Skeleton } from './Skeleton.tsx'

/** What the smallest payment on each rail currently buys. */
export function Prices() {
  const rails = config.value?.rails
  const text = welcomeText.prices
  return (
    <section class="card" aria-labelledby="prices">
      <h2 id="prices">{text.title}</h2>
      <table class="table roomy">
        <thead class="visually-hidden">
          <tr>
            <th scope="col">{text.each}</th>
            <th scope="col">{text.gets}</th>
          </tr>
        </thead>
        <tbody>
          {rails === undefined ? (
            <PendingRows count={3} isTwoLined />
          ) : (
            rails.map((rail) => <PriceRow key={rail.rail} rail={rail} />)
          )}
        </tbody>
      </table>
    </section>
  )
}

function PriceRow({ rail }: { rail: RailConfig }) {
  const known = minimumQuotes.value.get(rail.rail)
  const quote = known?.kind === 'quoted' ? known.quote : null
  const minimum = BigInt(quote?.minimumBaseUnits ?? rail.minimumBaseUnits)
  const chain = knownChain(rail.chainId)?.name ?? commonText.chain(rail.chainId)
  const bonus =
    quote !== null && quote.bonusPercent !== '0' ? ` · ${welcomeText.prices.bonus(quote.bonusPercent)}` : ''
  return (
    <tr>
      <th scope="row">
        <span class="figure">{welcomeText.prices.buys(showAmount(minimum, rail.decimals), rail.symbol)}</span>
        <span class="soft small block">
          {chain}
          {bonus}
        </span>
      </th>
      <td class="end">
        {known === undefined && <Skeleton width="4em" />}
        {quote !== null && (
          <span class="figure strong">
            {welcomeText.prices.minutes(minutesText(BigInt(quote.creditMicros), 1))}
          </span>
        )}
        {known?.kind === 'no_price' && <span class="soft small">{welcomeText.prices.noPrice}</span>}
        {known?.kind === 'unknown' && <span class="soft small">{welcomeText.prices.unknown}</span>}
      </td>
    </tr>
  )
}

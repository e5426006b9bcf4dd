import { config } from '../state/config.ts'
import { welcomeText } from '../text/welcome.ts'
import { PendingRows } from './PendingRows.tsx'

/** The discounts on ETH for holding AXGT. Hidden where ETH is not accepted. */
export function Tiers() {
  const known = config.value
  const text = welcomeText.tiers
  if (known !== null && !known.rails.some(({ asset }) => asset === 'eth')) return null
  return (
    <section class="card" aria-labelledby="tiers">
      <h2 id="tiers">{text.title}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text.held}</th>
            <th scope="col" class="end">
              {text.discount}
            </th>
          </tr>
        </thead>
        <tbody>
          {known === null ? (
            <PendingRows count={4} />
          ) : (
            known.tiers
              .filter(({ discountPercent }) => discountPercent !== '0')
              .map((tier) => (
                <tr key={tier.index}>
                  <th scope="row">{text.from(wholeText(tier.minimumAxgt))}</th>
                  <td class="end">{text.percent(tier.discountPercent)}</td>
                </tr>
              ))
          )}
        </tbody>
      </table>
      <p class="soft small">{text.what}</p>
    </section>
  )
}

function wholeText(whole: string): string {
  return whole.replace(/\B(?=(\d{3})+$)/g, ',')
}

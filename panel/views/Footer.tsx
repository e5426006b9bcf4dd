import { config } from '../state/config.ts'
import { commonText } from '../text/common.ts'

/** What applies to every payment, and a link to the API documentation. */
export function Footer() {
  const required = [...new Set(config.value?.chains.map(({ confirmations }) => confirmations))].sort(
    (a, b) => a - b,
  )
  return (
    <footer class="footer">
      <div class="page footer-row">
        <p>{required.length > 0 ? commonText.footer.confirmations(required.join(' or ')) : ' '}</p>
        <a href="/docs">{commonText.footer.docs}</a>
      </div>
    </footer>
  )
}

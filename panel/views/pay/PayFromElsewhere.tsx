import { useSignal } from '@preact/signals'
import type { Config, RailConfig } from '../../api/apiTypes.ts'
import { showAmount } from '../../pay/amounts.ts'
import { eip681 } from '../../pay/eip681.ts'
import { minimumQuotes } from '../../state/quotes.ts'
import { signedIn } from '../../state/signedIn.ts'
import { paymentText } from '../../text/payment.ts'
import { CopyButton } from '../CopyButton.tsx'
import { AlertGlyph, ChevronGlyph } from '../icons.tsx'
import { chainName } from './paymentTexts.ts'
import { QrCode } from './QrCode.tsx'

/** Paying without the wallet in this browser: a code to scan, an address to copy, and which account is credited. */
export function PayFromElsewhere({ config }: { config: Config }) {
  const isOpen = useSignal(false)
  const chosen = useSignal<string | null>(null)
  const text = paymentText.elsewhere
  const rail = config.rails.find((candidate) => candidate.rail === chosen.value) ?? config.rails[0]
  if (rail === undefined) return null
  return (
    <section class="pay-part" aria-labelledby="elsewhere-title">
      <h3 id="elsewhere-title" class="fold-title">
        <button
          type="button"
          class="fold"
          aria-expanded={isOpen.value}
          aria-controls="elsewhere"
          onClick={() => {
            isOpen.value = !isOpen.value
          }}
        >
          {text.title}
          <ChevronGlyph />
        </button>
      </h3>
      <div id="elsewhere" hidden={!isOpen.value}>
        {isOpen.value && (
          <div class="elsewhere">
            <p class="soft">{text.what}</p>
            {config.rails.length > 1 && (
              <fieldset class="choices">
                <legend class="visually-hidden">{text.choose}</legend>
                {config.rails.map((candidate) => (
                  <label key={candidate.rail} class="choice">
                    <input
                      type="radio"
                      name="elsewhere-rail"
                      checked={candidate === rail}
                      onChange={() => {
                        chosen.value = candidate.rail
                      }}
                    />
                    <span>{text.onChain(candidate.symbol, chainName(candidate.chainId))}</span>
                  </label>
                ))}
              </fieldset>
            )}
            <Details config={config} rail={rail} />
          </div>
        )}
      </div>
    </section>
  )
}

function Details({ config, rail }: { config: Config; rail: RailConfig }) {
  const text = paymentText.elsewhere
  const known = minimumQuotes.value.get(rail.rail)
  const amountBaseUnits = BigInt(
    known?.kind === 'quoted' ? known.quote.minimumBaseUnits : rail.minimumBaseUnits,
  )
  const { revenueWallet } = config
  const { chainId, token, symbol } = rail
  const link = eip681({ chainId, token, revenueWallet, amountBaseUnits })
  const amount = showAmount(amountBaseUnits, rail.decimals, rail.decimals)
  const payer = signedIn.value?.address
  return (
    <>
      <div class="elsewhere-main">
        <QrCode text={link} label={text.qr(amount, symbol, chainName(chainId))} />
        <dl class="facts">
          <div>
            <dt class="label">{text.amount}</dt>
            <dd>{text.amountOf(amount, symbol)}</dd>
          </div>
          <div>
            <dt class="label">{text.network}</dt>
            <dd>{chainName(chainId)}</dd>
          </div>
          <div>
            <dt class="label">{text.address}</dt>
            <dd class="mono break">{revenueWallet}</dd>
          </div>
          {token !== null && (
            <div>
              <dt class="label">{text.token(symbol)}</dt>
              <dd class="mono break">{token}</dd>
            </div>
          )}
        </dl>
      </div>
      <div class="pair">
        <CopyButton text={revenueWallet} label={text.copyAddress} done={text.addressCopied} />
        <CopyButton text={link} label={text.copyLink} done={text.linkCopied} />
      </div>
      <div class="notice is-warn">
        <AlertGlyph />
        <div>
          <p class="strong">{text.warningTitle}</p>
          <p class="break">{payer === undefined ? text.warningAnybody : text.warning(payer)}</p>
        </div>
      </div>
    </>
  )
}

import { insertDepositHeld } from '../events/outbox.ts'
import type { GateDeps } from './gateDeps.ts'

/**
 * Brings open deposits in line with the settings that the gate starts with. Idempotent.
 *
 * Those of a rail that is off wait for it, also where its whole chain is gone from the settings and no pass would look at
 * them. Those that waited for a setting are looked at again at once. And rows of before 0.2, which did not keep under what
 * they were seen, are taken to be seen under the present settings.
 */
export async function reviewSettings({ sql, rails, chains }: GateDeps): Promise<void> {
  const enabled = [...rails.keys()]
  await sql`
    with before as (
      select id, reason from credits.deposit
      where not (rail = any(${enabled}::text[]))
        and (state = 'rejected' or (state in ('pending', 'held') and reason is distinct from 'rail_disabled'))
      order by id for update
    ), held as (
      update credits.deposit d
      set state = 'held', reason = 'rail_disabled', detail = d.rail || ' is not in RAILS', failures = 0,
        retry_at = now(), updated_at = now()
      from before where d.id = before.id
      returning d.id, d.payer, d.rail, d.tx_hash, d.amount_base_units, d.reason
    )
    ${insertDepositHeld(sql, sql`held`)}`
  await sql`
    update credits.deposit set state = 'held', retry_at = now(), failures = 0
    where state = 'rejected' or (state = 'held' and reason in ('rail_disabled', 'setup_changed'))`
  for (const { config } of rails.values()) {
    const chain = chains.get(config.chainId)
    if (chain === undefined) continue
    await sql`
      update credits.deposit
      set seen_wallet = ${chain.setup.wallet}, seen_token = ${config.token},
        seen_by = ${config.asset === 'eth' ? chain.setup.ethDetection : 'logs'}
      where rail = ${config.rail} and seen_wallet is null
        and (state in ('pending', 'held', 'orphaned', 'reversed') or (state = 'credited' and not final))`
  }
}

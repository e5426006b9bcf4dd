import { createRoute, z } from '@hono/zod-openapi'
import { formatFraction } from '../../pricing/fraction.ts'
import { priceSources } from '../../pricing/oracleReading.ts'
import type { Api } from '../appDeps.ts'
import { bigintText } from '../json/amounts.ts'
import { problemResponses } from '../problem.ts'
import type { RouteDeps } from '../request/guards.ts'

const decimalText = z.string().openapi({ pattern: '^[0-9]+(\\.[0-9]+)?$', example: '0.05' })

/** The schema of the settings that callers need. */
export const ConfigSchema = z
  .strictObject({
    revenueWallet: z.string().openapi({ description: 'Where to pay to.' }),
    chains: z.array(z.strictObject({ chainId: z.int(), confirmations: z.int() })),
    rails: z.array(
      z.strictObject({
        rail: z.string(),
        asset: z.enum(['eth', 'usdc', 'axgt']),
        chainId: z.int(),
        token: z.string().nullable().openapi({ description: 'The token contract; null for ETH.' }),
        decimals: z.int(),
        symbol: z.string(),
        minimumBaseUnits: bigintText.openapi({ description: 'Without any discount.' }),
        pricing: z.enum(priceSources).openapi({ description: 'How it is priced.' }),
      }),
    ),
    tiers: z.array(
      z.strictObject({
        index: z.int(),
        label: z.string(),
        minimumAxgt: bigintText.openapi({ description: 'Whole AXGT.' }),
        discountPercent: decimalText,
      }),
    ),
    profiles: z.record(z.string(), z.int()).openapi({ description: 'GPUs of each profile.' }),
    pricing: z.strictObject({ usdPerHour: decimalText, axgtBonusPercent: decimalText }),
    sessions: z.strictObject({
      heartbeatIntervalSeconds: z.int(),
      heartbeatTimeoutSeconds: z.int(),
      graceMinutes: z.int().openapi({ description: 'Minutes of one GPU that may run unbilled at a time.' }),
      gracePercent: z
        .int()
        .openapi({ description: 'All of them ever, in percent of what deposits ever bought.' }),
      lowBalanceMinutes: z.int().openapi({ description: 'The warning threshold.' }),
    }),
    storage: z.strictObject({ minutesPerGibHour: decimalText, debtLimitMinutes: z.int() }),
  })
  .openapi('Config')

const configRoute = createRoute({
  method: 'get',
  path: '/v1/config',
  tags: ['Buying'],
  summary: 'Where and how to pay, and what for',
  responses: {
    200: {
      description: 'The settings that callers need.',
      content: { 'application/json': { schema: ConfigSchema } },
    },
    ...problemResponses('internal_error'),
  },
})

/** Adds /v1/config. Each field is listed explicitly, because settings also hold secrets. */
export function addConfigRoute(app: Api, deps: RouteDeps): void {
  app.openapi(configRoute, (c) => c.json(configJson(deps), 200))
}

function configJson({ config, rails }: RouteDeps): z.input<typeof ConfigSchema> {
  const { heartbeatIntervalSeconds, heartbeatTimeoutSeconds, graceMinutes, gracePercent, lowBalanceMinutes } =
    config.sessions
  return {
    revenueWallet: config.revenueWallet,
    chains: config.chains.map(({ chainId, confirmations }) => ({ chainId, confirmations })),
    rails: rails().map(({ rail, asset, chainId, token, decimals, symbol, minimumBaseUnits, pricing }) => ({
      rail,
      asset,
      chainId,
      token,
      decimals,
      symbol,
      minimumBaseUnits: minimumBaseUnits.toString(),
      pricing,
    })),
    tiers: config.pricing.tiers.map((tier, index) => ({
      index,
      label: `Tier ${index}`,
      minimumAxgt: tier.minimumAxgt.toString(),
      discountPercent: formatFraction(tier.discountPercent),
    })),
    profiles: config.profiles,
    pricing: {
      usdPerHour: formatFraction(config.pricing.usdPerHour),
      axgtBonusPercent: formatFraction(config.pricing.axgt.bonusPercent),
    },
    sessions: {
      heartbeatIntervalSeconds,
      heartbeatTimeoutSeconds,
      graceMinutes,
      gracePercent,
      lowBalanceMinutes,
    },
    storage: {
      minutesPerGibHour: formatFraction(config.storage.minutesPerGibHour),
      debtLimitMinutes: config.storage.debtLimitMinutes,
    },
  }
}

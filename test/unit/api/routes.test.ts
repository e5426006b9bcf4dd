import { expect, test } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../../billing/api/createApp.ts'
import {
  adminKey,
  entry,
  fakeDeps,
  held,
  knownHash,
  pendingHash,
  reading,
  serviceKey,
  unknownHash,
  unreachableHash,
  wallet,
} from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

const service = { headers: { Authorization: `Bearer ${serviceKey}` } }
const admin = { headers: { Authorization: `Bearer ${adminKey}` } }
const post = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

const creditedJson = {
  id: `1-${knownHash}-usdc-${wallet}`,
  txHash: knownHash,
  chainId: 1,
  rail: 'usdc:1',
  payer: wallet,
  amountBaseUnits: '1000000',
  state: 'credited',
  reason: null,
  retryAt: null,
  confirmations: 6,
  confirmationsRequired: 6,
  creditMicros: '3600000000',
  creditMinutes: '60',
  blockNumber: '100',
  blockTime: '2025-01-01T00:00:00.000Z',
  creditedAt: '2025-01-01T00:01:00.000Z',
}

const heldJson = {
  ...creditedJson,
  id: `1-${pendingHash}-usdc-${wallet}`,
  txHash: pendingHash,
  amountBaseUnits: '1',
  state: 'held',
  reason: 'below_minimum',
  retryAt: '2025-01-01T00:00:30.000Z',
  creditMicros: null,
  creditMinutes: null,
  creditedAt: null,
}

const entryJson = {
  id: '7',
  kind: 'adjustment',
  micros: '-90000001',
  minutes: '-1.500001',
  reference: 'adjustment:key-1',
  reversesEntryId: null,
  details: { reason: 'goodwill' },
  eventAt: '2025-01-01T00:00:00.000Z',
  createdAt: '2025-01-01T00:00:01.000Z',
}

test('/v1/config tells where and how to pay, and no secret', async () => {
  const answer = await createApp(fakeDeps()).request('/v1/config')

  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    revenueWallet: '0x00000000000000000000000000000000000000ee',
    chains: [{ chainId: 1, confirmations: 6 }],
    rails: [
      {
        rail: 'eth:1',
        asset: 'eth',
        chainId: 1,
        token: null,
        decimals: 18,
        symbol: 'ETH',
        minimumBaseUnits: '500000000000000',
        pricing: 'fixed',
      },
      {
        rail: 'usdc:1',
        asset: 'usdc',
        chainId: 1,
        token: '0x00000000000000000000000000000000000000c0',
        decimals: 6,
        symbol: 'USDC',
        minimumBaseUnits: '1000000',
        pricing: 'fixed',
      },
    ],
    tiers: [
      { index: 0, label: 'Tier 0', minimumAxgt: '0', discountPercent: '0' },
      { index: 1, label: 'Tier 1', minimumAxgt: '100', discountPercent: '5' },
    ],
    profiles: { small: 1, max: 8 },
    pricing: { usdPerHour: '1', axgtBonusPercent: '25' },
    sessions: {
      heartbeatIntervalSeconds: 30,
      heartbeatTimeoutSeconds: 120,
      graceMinutes: 120,
      gracePercent: 10,
      lowBalanceMinutes: 10,
    },
    storage: { minutesPerGibHour: '0.05', debtLimitMinutes: 1440 },
  })
})

test('/v1/quotes quotes the minimum when no amount is given', async () => {
  const answer = await createApp(fakeDeps()).request('/v1/quotes?rail=eth:1')

  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    rail: 'eth:1',
    amountBaseUnits: '500000000000000',
    minimumBaseUnits: '500000000000000',
    creditMicros: '3600000000',
    creditMinutes: '60',
    tier: { index: 0, label: 'Tier 0', discountPercent: '0' },
    axgtBalance: null,
    bonusPercent: '0',
    price: '2000',
    priceSource: {
      kind: 'fixed',
      description: '120000 minutes per ETH, less 0 % of the price',
      round: null,
      updatedAt: null,
      ageSeconds: null,
      feed: null,
      pool: null,
      twapSeconds: null,
      block: null,
    },
    rate: { numerator: '9', denominator: '1250000' },
    asOfBlock: { number: '100', hash: `0x${'b'.repeat(64)}` },
  })
})

test('/v1/quotes takes wallet and amount exactly, in asset units', async () => {
  const deps = fakeDeps()
  const query = `rail=usdc:1&amount=1.000001&wallet=0x${'A'.repeat(40)}`
  const answer = await createApp(deps).request(`/v1/quotes?${query}`)

  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ amountBaseUnits: '1000001', creditMinutes: '60.00006' })
  expect(deps.asked).toEqual([
    [
      'quote',
      { rail: 'usdc:1', wallet: `0x${'a'.repeat(40)}`, amountBaseUnits: 1_000_001n, atLeastMicros: null },
    ],
  ])
})

test('/v1/quotes says when there is no price, and when to ask again', async () => {
  const why = 'the answer of the ETH/USD feed is 5000 seconds old, and may be 3900'
  const quoter = { quote: async () => ({ kind: 'price_unavailable', why, retryAfterSeconds: 15 }) as const }
  const answer = await createApp(fakeDeps({ quoter })).request('/v1/quotes?rail=eth:1')

  expect(answer.status).toBe(503)
  expect(answer.headers.get('Retry-After')).toBe('15')
  expect(await answer.json()).toMatchObject({
    code: 'price_unavailable',
    detail: `There is no price for eth:1 at the moment: ${why}.`,
  })
})

test.each([
  '1e3',
  '-1',
  '+1',
  '0',
  '0.000000',
  '1.0000001',
  '1.',
  '.5',
  '01',
  '1,5',
  '0x10',
  '',
  ' 1',
  'NaN',
  'Infinity',
])('/v1/quotes refuses the amount %j instead of rounding or guessing', async (amount) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request(`/v1/quotes?rail=usdc:1&amount=${encodeURIComponent(amount)}`)

  expect(answer.status).toBe(422)
  expect(await answer.json()).toMatchObject({ code: 'invalid_request', faults: [{ path: 'amount' }] })
  expect(deps.asked).toEqual([])
})

test('/v1/quotes refuses amounts beyond 2^256 - 1 and credits beyond what one may hold', async () => {
  const app = createApp(fakeDeps())
  for (const amount of [`9${'0'.repeat(77)}`, '200000000']) {
    const answer = await app.request(`/v1/quotes?rail=usdc:1&amount=${amount}`)
    expect(await statusAndCode(answer)).toEqual([422, 'amount_too_large'])
  }
})

test.each(['usdc:8453', 'axgt:1'])(
  '/v1/quotes does not know the rail %s that is not enabled',
  async (rail) => {
    const answer = await createApp(fakeDeps()).request(`/v1/quotes?rail=${rail}`)
    expect(await statusAndCode(answer)).toEqual([422, 'rail_unknown'])
  },
)

test.each([
  '',
  '?rail=doge:1',
  '?rail=eth:01',
  '?rail=eth:1&rail=eth:1',
  '?rail=eth:1&wallet=0x12',
  '?rail=eth',
])('/v1/quotes%s is an invalid request', async (query) => {
  const answer = await createApp(fakeDeps()).request(`/v1/quotes${query}`)
  expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
})

test('/v1/quotes says what a number of minutes costs, rounded up', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  // 277.7 base units are worth 0.016667 minutes; 277 yield less than asked for.
  const answer = await app.request('/v1/quotes?rail=usdc:1&minutes=0.016667')

  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({
    amountBaseUnits: '278',
    creditMicros: '1000800',
    creditMinutes: '0.01668',
  })
  expect(deps.asked).toEqual([
    ['quote', { rail: 'usdc:1', wallet: null, amountBaseUnits: null, atLeastMicros: 1_000_020n }],
  ])
})

test.each(['amount=1&minutes=60', 'minutes=60&amount=', 'amount=x&minutes=60'])(
  '/v1/quotes?%s: amount and minutes together are refused, and nothing is asked',
  async (query) => {
    const deps = fakeDeps()
    const answer = await createApp(deps).request(`/v1/quotes?rail=usdc:1&${query}`)

    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({
      code: 'invalid_request',
      faults: [{ in: 'query', path: 'minutes', message: 'cannot be given together with `amount`' }],
    })
    expect(deps.asked).toEqual([])
  },
)

test.each([
  '1e3',
  '-1',
  '-0.000001',
  '+1',
  '0',
  '-0',
  '0.000000',
  '1.0000001',
  '1.',
  '.5',
  '01',
  '1,5',
  '0x10',
  '',
  ' 1',
  '1 ',
  'NaN',
  'Infinity',
  '٣',
  '1\n',
  '150119987.579017',
  '9'.repeat(41),
  '9'.repeat(5_000),
])('/v1/quotes refuses %j minutes instead of rounding or guessing', async (minutes) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request(
    `/v1/quotes?rail=usdc:1&minutes=${encodeURIComponent(minutes)}`,
  )

  expect(answer.status).toBe(422)
  expect(await answer.json()).toMatchObject({ code: 'invalid_request', faults: [{ path: 'minutes' }] })
  expect(deps.asked).toEqual([])
})

test('/v1/quotes takes as many minutes as one credit may hold, to the last digit', async () => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request('/v1/quotes?rail=eth:1&minutes=150119987.579016')

  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ creditMinutes: '150119987.579016' })
})

test('/v1/quotes does not offer an amount that no token can hold', async () => {
  const whole = await fakeDeps().quoter.quote({
    rail: 'eth:1',
    wallet: null,
    amountBaseUnits: null,
    atLeastMicros: null,
  })
  if (whole.kind !== 'quoted') throw new Error('no quote')
  const quoter = {
    quote: async () => ({ ...whole, quote: { ...whole.quote, amountBaseUnits: 2n ** 256n } }),
  }
  const answer = await createApp(fakeDeps({ quoter })).request('/v1/quotes?rail=eth:1&minutes=1')
  expect(await statusAndCode(answer)).toEqual([422, 'amount_too_large'])
})

test.each([
  ['chainlink' as const, { pool: null, twapSeconds: null }],
  ['twap' as const, { pool: '0x00000000000000000000000000000000000000b0', twapSeconds: 1800 }],
])('/v1/quotes tells round, age and block of a price by %s', async (mode, pool) => {
  const fixed = await fakeDeps().quoter.quote({
    rail: 'eth:1',
    wallet: null,
    amountBaseUnits: null,
    atLeastMicros: null,
  })
  if (fixed.kind !== 'quoted') throw new Error('no quote')
  const price = { ...fixed.quote.price, mode, usdPerUnit: '2500.12345678', description: 'as told', reading }
  const quoter = { quote: async () => ({ kind: 'quoted' as const, quote: { ...fixed.quote, price } }) }
  const answer = await createApp(fakeDeps({ quoter })).request('/v1/quotes?rail=eth:1')

  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({
    price: '2500.12345678',
    priceSource: {
      kind: mode,
      description: 'as told',
      round: '18446744073709551621',
      updatedAt: '2025-01-01T00:00:00.000Z',
      ageSeconds: 840,
      feed: '0x00000000000000000000000000000000000000fe',
      block: { number: '99', hash: `0x${'a'.repeat(64)}` },
      ...pool,
    },
    asOfBlock: { number: '100' },
  })
})

const livePriceJson = {
  rail: 'eth:1',
  price: '2500.12345678',
  source: 'chainlink',
  round: '18446744073709551621',
  updatedAt: '2025-01-01T00:00:00.000Z',
  blockNumber: '99',
  blockHash: `0x${'a'.repeat(64)}`,
  blockTime: '2025-01-01T00:14:00.000Z',
}

test('/v1/prices lists what a rail was worth and pages with an opaque cursor', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const first = await app.request('/v1/prices?rail=eth:1')
  const { items, nextCursor } = z
    .object({ items: z.unknown(), nextCursor: z.string() })
    .parse(await first.json())
  const next = await app.request(
    `/v1/prices?rail=eth:1&from=1735689600&to=1735776000&limit=200&cursor=${nextCursor}`,
  )

  expect([first.status, next.status]).toEqual([200, 200])
  expect(items).toEqual([
    livePriceJson,
    { ...livePriceJson, price: '2000', source: 'fixed', round: null, updatedAt: null },
  ])
  const day = { from: new Date('2025-01-01T00:00:00Z'), to: new Date('2025-01-02T00:00:00Z') }
  expect(deps.asked).toEqual([
    ['prices', { rail: 'eth:1', from: null, to: null }, { cursor: null, limit: 50 }],
    ['prices', { rail: 'eth:1', ...day }, { cursor: '1735689600000000:7', limit: 200 }],
  ])
})

test.each([
  ['1735689600', '2025-01-01T00:00:00.000Z'],
  ['0', '1970-01-01T00:00:00.000Z'],
  ['253402300799', '9999-12-31T23:59:59.000Z'],
  ['2025-01-01T00:00:00Z', '2025-01-01T00:00:00.000Z'],
  ['2025-01-01T01:00:00+01:00', '2025-01-01T00:00:00.000Z'],
  ['2024-12-31T19:00:00.25-05:00', '2025-01-01T00:00:00.250Z'],
  ['2025-01-01T00:00:00.123999Z', '2025-01-01T00:00:00.123Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
])('/v1/prices reads the moment %s', async (from, moment) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request(`/v1/prices?rail=eth:1&from=${encodeURIComponent(from)}`)
  expect(answer.status).toBe(200)
  expect(deps.asked).toEqual([
    ['prices', { rail: 'eth:1', from: new Date(moment), to: null }, { cursor: null, limit: 50 }],
  ])
})

test.each([
  '',
  'yesterday',
  '2025-01-01',
  '2025-01-01T00:00:00',
  '2025-01-01T00:00:00 01:00',
  '2025-02-29T00:00:00Z',
  '2025-01-01T24:00:00Z',
  '2025-01-01T00:00:60Z',
  '0000-01-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  '9999-12-31T23:59:59-01:00',
  '+010000-01-01T00:00:00Z',
  '-1',
  '1.5',
  '1e9',
  '01',
  '253402300800',
  '9'.repeat(13),
  '9'.repeat(5_000),
  '٣',
  ' 1',
  'infinity',
  'now()',
])('/v1/prices refuses %j as a moment, and reads nothing', async (text) => {
  const deps = fakeDeps()
  const app = createApp(deps)
  for (const name of ['from', 'to']) {
    const answer = await app.request(`/v1/prices?rail=eth:1&${name}=${encodeURIComponent(text)}`)
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ code: 'invalid_request', faults: [{ path: name }] })
  }
  expect(deps.asked).toEqual([])
})

test.each(['from=2&to=1', 'from=1&to=1', 'from=2025-01-01T00:00:00Z&to=1735689600'])(
  '/v1/prices refuses ?%s: nothing lies between',
  async (query) => {
    const deps = fakeDeps()
    const answer = await createApp(deps).request(`/v1/prices?rail=eth:1&${query}`)
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ code: 'invalid_request', faults: [{ path: 'from' }] })
    expect(deps.asked).toEqual([])
  },
)

test.each(['limit=0', 'limit=201', 'cursor=', 'cursor=a!', 'cursor=MTAw='])(
  '/v1/prices refuses ?%s before reading',
  async (query) => {
    const deps = fakeDeps()
    const answer = await createApp(deps).request(`/v1/prices?rail=eth:1&${query}`)
    expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
    expect(deps.asked).toEqual([])
  },
)

test('/v1/prices refuses the cursor of another list', async () => {
  const cursor = Buffer.from('of another list').toString('base64url')
  const answer = await createApp(fakeDeps()).request(`/v1/prices?rail=eth:1&cursor=${cursor}`)
  expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
})

test.each([
  ['', 'invalid_request'],
  ['?rail=doge:1', 'invalid_request'],
  ['?rail=eth:01', 'invalid_request'],
  ['?rail=axgt:1', 'rail_unknown'],
  ['?rail=eth:8453', 'rail_unknown'],
])('/v1/prices%s needs a rail that is enabled: %s', async (query, code) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request(`/v1/prices${query}`)
  expect(await statusAndCode(answer)).toEqual([422, code])
  expect(deps.asked).toEqual([])
})

test('what is meant for the operator is in no answer to others', async () => {
  const app = createApp(fakeDeps())
  const answers = await Promise.all([
    app.request(`/v1/transactions/${pendingHash}`),
    app.request('/v1/deposits', post({ txHash: pendingHash })),
    app.request(`/v1/accounts/${wallet}/deposits`, service),
  ])
  for (const answer of answers) {
    expect(answer.ok).toBe(true)
    const text = await answer.text()
    expect(text).toContain(held.id)
    expect(text).not.toContain('"detail"')
    expect(text).not.toContain('for the operator')
  }
})

test('/v1/transactions/{txHash} shows the deposits of a transaction', async () => {
  const app = createApp(fakeDeps())
  const settled = await app.request(`/v1/transactions/${knownHash}`)
  const pending = await app.request(`/v1/transactions/${pendingHash}`)

  expect(settled.status).toBe(200)
  expect(await settled.json()).toEqual({ txHash: knownHash, outcome: 'settled', deposits: [creditedJson] })
  expect(pending.status).toBe(200)
  expect(await pending.json()).toEqual({ txHash: pendingHash, outcome: 'pending', deposits: [heldJson] })
})

test.each([
  ['3', 'no_qualifying_transfer'],
  ['4', 'transaction_failed'],
])('GET answers 200 and POST 422 for a transaction of %ss: %s', async (digit, outcome) => {
  const app = createApp(fakeDeps())
  const txHash = `0x${digit.repeat(64)}`
  const looked = await app.request(`/v1/transactions/${txHash}`)
  const submitted = await app.request('/v1/deposits', post({ txHash }))

  expect(looked.status).toBe(200)
  expect(await looked.json()).toEqual({ txHash, outcome, deposits: [] })
  expect(submitted.status).toBe(422)
  expect(await submitted.json()).toMatchObject({ code: outcome, type: `/problems/${outcome}`, status: 422 })
})

test('POST /v1/deposits answers 200 when settled, 202 while pending, with the same body as GET', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const settled = await app.request('/v1/deposits', post({ txHash: knownHash }))
  const pending = await app.request('/v1/deposits', post({ txHash: pendingHash, chainId: 1 }))

  expect(settled.status).toBe(200)
  expect(await settled.json()).toEqual({ txHash: knownHash, outcome: 'settled', deposits: [creditedJson] })
  expect(pending.status).toBe(202)
  expect(await pending.json()).toEqual({ txHash: pendingHash, outcome: 'pending', deposits: [heldJson] })
  expect(deps.asked).toEqual([
    ['submit', knownHash, undefined],
    ['submit', pendingHash, 1],
  ])
})

test('a hash that no chain knows is 404, and 503 when a chain could not be asked', async () => {
  const app = createApp(fakeDeps())
  for (const [txHash, status, code] of [
    [unknownHash, 404, 'transaction_not_found'],
    [unreachableHash, 503, 'chain_unavailable'],
  ] as const) {
    const looked = await app.request(`/v1/transactions/${txHash}`)
    const submitted = await app.request('/v1/deposits', post({ txHash }))
    expect(await statusAndCode(looked)).toEqual([status, code])
    expect(await statusAndCode(submitted)).toEqual([status, code])
  }
})

test('POST /v1/deposits refuses a chain that is not configured', async () => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request('/v1/deposits', post({ txHash: knownHash, chainId: 2 }))

  expect(answer.status).toBe(422)
  expect(await answer.json()).toMatchObject({
    code: 'invalid_request',
    faults: [{ in: 'json', path: 'chainId', message: 'is not a configured chain' }],
  })
  expect(deps.asked).toEqual([])
})

test('/v1/accounts/{address}/balance shows the balance, 0 for an address never seen, in any case of letters', async () => {
  const app = createApp(fakeDeps())
  const seen = await app.request(`/v1/accounts/${wallet.replace('aa', 'AA')}/balance`, service)
  const unseen = await app.request(`/v1/accounts/0x${'9'.repeat(40)}/balance`, service)

  expect(seen.status).toBe(200)
  expect(await seen.json()).toEqual({
    address: wallet,
    balanceMicros: '3600000000',
    balanceMinutes: '60',
    burnMicrosPerMinute: '120000000',
    runsOutAt: '2025-01-01T00:30:00.000Z',
    low: false,
    graceRemainingSeconds: null,
  })
  expect(await unseen.json()).toMatchObject({ address: `0x${'9'.repeat(40)}`, balanceMicros: '0' })
})

test('an address in mixed case needs the right checksum', async () => {
  const app = createApp(fakeDeps())
  const right = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'
  const wrong = right.replace('A0', 'a0')
  expect((await app.request(`/v1/accounts/${right}/balance`, service)).status).toBe(200)
  expect((await app.request(`/v1/accounts/${wrong}/balance`, service)).status).toBe(422)
})

test('/v1/accounts/{address}/deposits pages with an opaque cursor', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const first = await app.request(`/v1/accounts/${wallet}/deposits`, service)
  const { items, nextCursor } = z
    .object({ items: z.unknown(), nextCursor: z.string() })
    .parse(await first.json())
  await app.request(`/v1/accounts/${wallet}/deposits?limit=200&cursor=${nextCursor}`, service)

  expect(items).toEqual([heldJson, creditedJson])
  expect(deps.asked).toEqual([
    ['listByPayer', wallet, { cursor: null, limit: 50 }],
    ['listByPayer', wallet, { cursor: '100|1-0x11', limit: 200 }],
  ])
})

test('/v1/accounts/{address}/ledger shows every posting', async () => {
  const answer = await createApp(fakeDeps()).request(`/v1/accounts/${wallet}/ledger`, service)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ items: [entryJson], nextCursor: null })
})

test.each([
  'limit=0',
  'limit=201',
  'limit=x',
  'limit=',
  'limit=1e2',
  'limit=-1',
  'cursor=',
  'cursor=%00',
  'cursor=a!',
  'cursor=MTAw!',
  'cursor=MTAw=',
])('a list refuses ?%s', async (query) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request(`/v1/accounts/${wallet}/ledger?${query}`, service)
  expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  expect(deps.asked).toEqual([])
})

test('POST /v1/admin/adjustments posts and answers with the entry and the balance after it', async () => {
  const deps = fakeDeps()
  const body = { wallet: wallet.replace('aa', 'AA'), minutes: '-1.500001', reason: 'goodwill' }
  const answer = await createApp(deps).request(
    '/v1/admin/adjustments',
    post(body, { ...admin.headers, 'Idempotency-Key': 'key-1' }),
  )

  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    entry: entryJson,
    address: wallet,
    balanceMicros: '-1',
    balanceMinutes: '-0.000001',
  })
  expect(deps.asked).toEqual([
    ['adjust', { wallet, micros: -90_000_060n, reason: 'goodwill', idempotencyKey: 'key-1' }],
  ])
})

test('an adjustment repeated answers the same, with another body 409, beyond the range 422', async () => {
  const { ledger } = fakeDeps()
  const outcomes = [
    { kind: 'posted', entry, balanceMicros: 5n },
    { kind: 'repeated', entry, balanceMicros: 5n },
    { kind: 'conflict' },
    { kind: 'would_overflow' },
  ] as const
  const answers: { status: number; text: string }[] = []
  for (const outcome of outcomes) {
    const app = createApp(fakeDeps({ ledger: { ...ledger, adjust: async () => outcome } }))
    const answer = await app.request(
      '/v1/admin/adjustments',
      post({ wallet, minutes: '1', reason: 'x' }, { ...admin.headers, 'Idempotency-Key': 'k' }),
    )
    answers.push({ status: answer.status, text: await answer.text() })
  }

  expect(answers[1]).toEqual(answers[0])
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 409, 422])
  expect(JSON.parse(answers[2]?.text ?? '').code).toBe('idempotency_key_reused')
  expect(JSON.parse(answers[3]?.text ?? '').code).toBe('balance_out_of_range')
})

test('/v1/admin/deposits filters by state and reason', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const answer = await app.request('/v1/admin/deposits?state=held&reason=below_minimum', admin)

  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ items: [{ ...heldJson, detail: held.detail }], nextCursor: null })
  expect(deps.asked).toEqual([
    ['listByState', { state: 'held', reason: 'below_minimum' }, { cursor: null, limit: 50 }],
  ])
  const unknown = await app.request('/v1/admin/deposits?state=lost', admin)
  expect(unknown.status).toBe(422)
  const cursor = Buffer.from('of another list').toString('base64url')
  const foreign = await app.request(`/v1/admin/deposits?cursor=${cursor}`, admin)
  expect(await statusAndCode(foreign)).toEqual([422, 'invalid_request'])
})

test('/health/live says that the process answers', async () => {
  const answer = await createApp(fakeDeps()).request('/health/live')
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }])
})

test('/health/ready is 200 when every check is ok', async () => {
  const answer = await createApp(fakeDeps()).request('/health/ready')
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ status: 'ok', checks: { database: { status: 'ok' } } })
})

test('/health/ready is 503 and says what fails by how much when a chain has halted (case 21)', async () => {
  const { checks } = await fakeDeps().health.read()
  const rpc = { '1': { status: 'failing', detail: 'no new block for 31 minutes' } as const }
  const health = { read: async () => ({ checks: { ...checks, rpc } }) }
  const answer = await createApp(fakeDeps({ health })).request('/health/ready')

  expect(answer.status).toBe(503)
  expect(await answer.json()).toEqual({ status: 'failing', checks: { ...checks, rpc } })
})

test('/health/ready says that the database fails when health cannot be read', async () => {
  const health = { read: () => Promise.reject(new Error('connect ECONNREFUSED')) }
  const answer = await createApp(fakeDeps({ health })).request('/health/ready')

  expect(answer.status).toBe(503)
  expect(await answer.json()).toEqual({
    status: 'failing',
    checks: {
      database: { status: 'failing', detail: 'does not answer' },
      rpc: {},
      indexer: {},
      gate: {},
      jobs: {},
    },
  })
})

test('/metrics counts requests by route pattern, not by path', async () => {
  const app = createApp(fakeDeps())
  await app.request(`/v1/transactions/${knownHash}`)
  await app.request('/no/such/path')
  const answer = await app.request('/metrics')
  const text = await answer.text()

  expect(answer.status).toBe(200)
  expect(answer.headers.get('Content-Type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(text).toContain('http_requests_total{method="GET",route="/v1/transactions/:txHash",status="200"} 1')
  expect(text).toContain('http_requests_total{method="GET",route="unmatched",status="404"} 1')
  expect(text).not.toContain(knownHash)
})

test('/metrics needs a key when METRICS_ACCESS is service', async () => {
  const deps = fakeDeps()
  const app = createApp({ ...deps, config: { ...deps.config, metricsAccess: 'service' } })
  expect((await app.request('/metrics')).status).toBe(401)
  expect((await app.request('/metrics', service)).status).toBe(200)
})

test('/docs loads everything from this service and runs no inline script', async () => {
  const app = createApp(fakeDeps())
  const page = await app.request('/docs')
  const html = await page.text()

  expect(page.headers.get('Content-Security-Policy')).toContain("script-src 'self';")
  expect(html).not.toMatch(/https?:\/\//)
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '')
  expect(links).toHaveLength(3)
  for (const link of links) {
    const asset = await app.request(link)
    expect(asset.status).toBe(200)
    expect(asset.headers.get('Content-Type')).toMatch(
      link.endsWith('.css') ? /^text\/css/ : /^text\/javascript/,
    )
  }
  expect(html).not.toMatch(/<script>|<style|style=/)
})

test('/ leads to the documentation', async () => {
  const answer = await createApp(fakeDeps()).request('/')
  expect(answer.status).toBe(200)
  expect(await answer.text()).toContain('href="/docs"')
})

test('the type of a problem leads to its explanation', async () => {
  const app = createApp(fakeDeps())
  const { type } = z.object({ type: z.string() }).parse(await (await app.request('/nowhere')).json())
  const answer = await app.request(type)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ code: 'not_found', status: 404 })
  expect((await app.request('/problems/no_such_code')).status).toBe(404)
  expect((await app.request('/problems/__proto__')).status).toBe(404)
})

import { parseUnits } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChainStep, SearchedRange } from '../../billing/verify/findUnrecorded.ts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { verifyChain } from '../../billing/verify/verifyChain.ts'
import { createFullBooks, type FullBooks } from '../support/createFullBooks.ts'
import { newSigner } from '../support/newSigner.ts'

// Goal: what agrees with itself in the database and not with the chain is named by `verify --chain`. Method: books made by the
// service's own code on a real chain; each change is made for good, in every record of it, and taken back.

let books: FullBooks
/** Payments that are on the chain and in no table. */
let unrecorded: { block: bigint; id: string }

beforeAll(async () => {
  books = await createFullBooks()
  const { chain, tokens } = books
  const payer = await newSigner(chain, [tokens.usdc])
  const { hash, raw } = await payer.payToken(tokens.usdc, 3_000_000n)
  const { number } = await chain.mineWith(chain.resend(raw))
  unrecorded = { block: number, id: `${chain.chainId}-${hash}-usdc-${payer.address}` }
  // Until the chain calls all of it final.
  await chain.mine(80)
}, 400_000)
afterAll(() => books?.stop())

async function check(ranges: SearchedRange[] = []) {
  const steps: ChainStep[] = []
  for await (const step of verifyChain(books.market.deps, ranges)) steps.push(step)
  return {
    named: steps.flatMap((step) =>
      step.kind === 'difference' ? [`${step.difference.rule}: ${step.difference.subject}`] : [],
    ),
    unread: steps.flatMap((step) => (step.kind === 'unread' ? [`${step.subject}: ${step.why}`] : [])),
    counts: steps.flatMap((step) =>
      step.kind === 'checked' ? [`${step.count} of ${step.of} ${step.what}`] : [],
    ),
  }
}

/** Checks books that were changed past every guard, and puts them back. */
async function checkAfter(...statements: string[]) {
  const { sql } = books.database
  const tables = ['deposit', 'deposit_credit', 'outbox_event', 'ledger_entry']
  const inReplica = (work: string[]) =>
    sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`
      for (const statement of work) await tx.unsafe(statement)
    })
  await inReplica([
    ...tables.map((table) => `create table public.saved_${table} as table credits.${table}`),
    ...statements,
  ])
  try {
    const inBooks: string[] = []
    await verifyBooks(sql, (step) => {
      if (step.kind === 'difference') inBooks.push(step.difference.rule)
    })
    return { ...(await check()), inBooks }
  } finally {
    await inReplica(
      tables.flatMap((table) => [
        `delete from credits.${table}`,
        `insert into credits.${table} overriding system value table public.saved_${table}`,
        `drop table public.saved_${table}`,
      ]),
    )
  }
}

test('books that agree with their chain are in order; what was quoted by other settings is told', async () => {
  const { named, unread, counts } = await check()
  expect(named).toEqual([])
  // Sold at a fixed rate, and checked by a gate that sells at Chainlink's.
  const sold = [books.deposits.tiered, books.deposits.again].map(({ id }) => id)
  const why = 'its terms cannot be compared with the settings, which do not price it any more'
  expect(unread.sort()).toEqual(sold.map((id) => `deposit ${id}: ${why}`).sort())
  expect(counts).toContainEqual(expect.stringMatching(/^([1-9]\d*) of \1 payments/))
})

test('the block of a deposit and of its credit, changed alike', async () => {
  const { id } = books.deposits.usdc
  const set = `block_number = block_number - 1, block_hash = '0x${'e'.repeat(64)}'`
  const { named, inBooks } = await checkAfter(
    `update credits.deposit set ${set} where id = '${id}'`,
    `update credits.deposit_credit set ${set} where deposit_id = '${id}'`,
  )
  expect(inBooks).toEqual([])
  expect(named).toEqual([`credit-is-in-no-block: deposit ${id}`])
})

test('the same, to a block that is there', async () => {
  const { id } = books.deposits.usdc
  const { number, hash } = await books.chain.client.getBlock({ blockNumber: 2n })
  const set = `block_number = ${number}, block_hash = '${hash}'`
  const { named, inBooks } = await checkAfter(
    `update credits.deposit set ${set} where id = '${id}'`,
    `update credits.deposit_credit set ${set} where deposit_id = '${id}'`,
  )
  expect(inBooks).toEqual([])
  expect(named).toContain(`deposit-is-in-another-block: deposit ${id}`)
})

test('the block of a quote', async () => {
  const { id } = books.deposits.tiered
  const { number, hash } = await books.chain.client.getBlock({ blockNumber: 2n })
  const { named, inBooks } = await checkAfter(
    `update credits.deposit_credit set quote = jsonb_set(quote, '{asOfBlock}', '{"number": "${number}", "hash": "${hash}"}')
      where deposit_id = '${id}'`,
  )
  expect(inBooks).toEqual([])
  expect(named).toContain(`quote-is-of-another-block: deposit ${id}`)
})

test('the AXGT of a payer', async () => {
  const { id } = books.deposits.tiered
  const { named, inBooks } = await checkAfter(
    `update credits.deposit_credit set quote = jsonb_set(quote, '{axgtBalance}', '"${parseUnits('100000', 18)}"')
      where deposit_id = '${id}'`,
  )
  expect(inBooks).toEqual([])
  expect(named).toEqual([`quote-is-for-another-balance: deposit ${id}`])
})

test('which feed a price is from, and which round answered', async () => {
  const { id } = books.deposits.priced
  const { named, inBooks } = await checkAfter(
    `update credits.deposit_credit set quote = jsonb_set(quote, '{price,reading,ethUsd,answeredInRound}', '"77"')
      where deposit_id = '${id}'`,
  )
  expect(inBooks).toEqual([])
  expect(named).toEqual([`quote-is-of-another-price: deposit ${id}`])
})

test('the amount of a pending deposit, in its row and in what was told', async () => {
  const { id } = books.deposits.pending
  const { named, inBooks } = await checkAfter(
    `update credits.deposit set amount_base_units = amount_base_units * 1000, seen_base_units = seen_base_units * 1000
      where id = '${id}'`,
    `update credits.outbox_event set payload = payload || '{"amountBaseUnits": "2000000000"}' where payload->>'id' = '${id}'`,
  )
  expect(inBooks).toEqual([])
  expect(named).toEqual([`deposit-is-of-another-amount: deposit ${id}`])
})

test('a deposit that was never paid', async () => {
  const { id, hash } = books.deposits.pending
  const invented = id.replace(hash, `0x${'7'.repeat(64)}`)
  const { named } = await checkAfter(
    `insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, amount_base_units, block_number, block_hash,
        block_timestamp, first_seen_at)
      select '${invented}', chain_id, '0x${'7'.repeat(64)}', rail, payer, state, amount_base_units, block_number, block_hash,
        block_timestamp, first_seen_at from credits.deposit where id = '${id}'`,
  )
  expect(named).toContain(`deposit-is-in-another-block: deposit ${invented}`)
})

test('a payment that is in no table, in the blocks that are searched', async () => {
  const { chainId } = books.chain
  const around = { chainId, fromBlock: unrecorded.block - 3n, toBlock: unrecorded.block + 3n }
  expect((await check([around])).named).toEqual([`payment-is-not-recorded: deposit ${unrecorded.id}`])
  expect((await check([{ ...around, fromBlock: unrecorded.block + 1n, toBlock: null }])).named).toEqual([])
})

test('a pending deposit deleted with all that was told of it', async () => {
  const { id } = books.deposits.pending
  const { chainId } = books.chain
  const { sql } = books.database
  const [row] = await sql<
    { number: bigint }[]
  >`select block_number as number from credits.deposit where id = ${id}`
  const number = row?.number ?? 0n
  // What is recorded agrees with the chain: only looking through the blocks shows what is not.
  const { named } = await checkAfter(
    `delete from credits.deposit where id = '${id}'`,
    `delete from credits.outbox_event where payload->>'id' = '${id}'`,
  )
  expect(named).toEqual([])
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    await tx`delete from credits.deposit where id = ${id}`
  })
  const found = await check([{ chainId, fromBlock: number, toBlock: number }])
  expect(found.named).toEqual([`payment-is-not-recorded: deposit ${id}`])
})

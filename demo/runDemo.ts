import pc from 'picocolors'
import type { Address } from 'viem'
import { freePort } from '../supervisor/freePort.ts'
import { burnSession } from './burnSession.ts'
import { type DemoChain, startDemoChain } from './demoChain.ts'
import { followDeposit } from './followDeposit.ts'
import { type DemoPayment, demoPayments } from './payments.ts'
import { createProgressBoard } from './progressBoard.ts'
import { rejectOnAbort } from './rejectOnAbort.ts'
import { type ResultRow, resultTable } from './resultTable.ts'
import { startDemoPage } from './startDemoPage.ts'
import { type DemoPlace, type DemoService, startDemoService } from './startDemoService.ts'

export interface DemoOptions {
  /** Ends when the payments are done, instead of staying up. */
  once: boolean
  /** The folder for everything it writes to disk. Not removed by this function. */
  folder: string
  out: NodeJS.WriteStream
  /** Aborted by Ctrl-C: it then stops everything and throws. */
  interrupted: AbortSignal
}

/**
 * Starts a chain, the service and, unless `once`, the page in front of it; pays on each rail, shows how each payment is
 * credited, and, unless `once`, stays up until interrupted. Whatever happens, everything it started is stopped before it
 * returns or throws.
 *
 * @returns the exit code: 0 when every payment gave the expected minutes, else 1.
 */
export async function runDemo({ once, folder, out, interrupted }: DemoOptions): Promise<0 | 1> {
  out.write(`${pc.bold('AxonOS Credits')}: a local chain, a real PostgreSQL, the real service\n\n`)
  const chain = await startDemoChain(interrupted)
  try {
    out.write(introduceChain(chain))
    const begun = performance.now()
    const place = await choosePlace(once)
    const service = await startDemoService(chain, folder, place, interrupted)
    try {
      out.write(`  service    ${service.baseUrl}, ready after ${seconds(performance.now() - begun)}\n\n`)
      return await showAndStay({ once, out, interrupted, chain, service, place })
    } catch (error) {
      if (interrupted.aborted) throw error
      throw new Error(`${(error as Error).message}\n\nThe end of the service's log:\n${service.logTail()}`)
    } finally {
      out.write(pc.dim('\nstopping …\n'))
      await service.stop()
    }
  } finally {
    await chain.stop()
  }
}

/** The page in front of the service gets port 8080 if it is free; with `once`, nobody looks at it. */
async function choosePlace(once: boolean): Promise<DemoPlace> {
  const publicPort = await freePort(8080)
  const publicUrl = `http://localhost:${publicPort}`
  if (once) return { port: publicPort, publicUrl, trustProxy: 0 }
  return { port: await freePort(), publicUrl, trustProxy: 1 }
}

interface Show extends Pick<DemoOptions, 'once' | 'out' | 'interrupted'> {
  chain: DemoChain
  service: DemoService
  place: DemoPlace
}

async function showAndStay({ once, out, interrupted, chain, service, place }: Show): Promise<0 | 1> {
  const page = once
    ? null
    : await startDemoPage({
        port: Number(new URL(place.publicUrl).port),
        rpcUrl: chain.rpcUrl,
        serviceUrl: service.baseUrl,
        interrupted,
      })
  try {
    const allRight = await Promise.race([
      payAndBurn(chain, service, out),
      service.failed,
      rejectOnAbort(interrupted),
    ])
    if (!allRight) out.write(`\nThe end of the service's log:\n${service.logTail()}\n`)
    if (page !== null) {
      out.write(invite(chain, service, page.url))
      await Promise.race([service.failed, rejectOnAbort(interrupted).catch(() => {})])
    }
    return allRight ? 0 : 1
  } finally {
    await page?.stop()
  }
}

async function payAndBurn(chain: DemoChain, service: DemoService, out: NodeJS.WriteStream): Promise<boolean> {
  const allCredited = await pay(chain, service, out)
  return allCredited && (await burnSession(service, chain.people.buyer, out))
}

/** Sends every payment and follows it; true when all were credited as the price list says. */
async function pay(chain: DemoChain, service: DemoService, out: NodeJS.WriteStream): Promise<boolean> {
  const payments = demoPayments(chain)
  const board = createProgressBoard(out)
  board.say('Payments are sent; everything from here on is automatic.')
  const width = Math.max(...payments.map((payment) => label(payment).length))
  // The first three go out together. The last waits for one of them: see `payments.ts`.
  const rows = await Promise.all(
    payments.map(async (payment): Promise<ResultRow> => {
      const tell = board.add(label(payment).padEnd(width))
      const credited = await followDeposit(service.baseUrl, await payment.send(), tell)
      const { rail, paid, who, expectedMinutes: expected } = payment
      return { rail, paid, who, expected, credited: credited ?? '–', ok: sameMinutes(credited, expected) }
    }),
  )
  out.write(`\n${resultTable(rows)}\n\n`)
  const balances = await Promise.all(
    [...new Set(payments.map(({ payer }) => payer))].map((payer) => checkBalance(service, payments, payer)),
  )
  for (const { line } of balances) out.write(`${line}\n`)
  return rows.every(({ ok }) => ok) && balances.every(({ ok }) => ok)
}

/** An account's balance must be exactly the sum of what its payments were worth. */
async function checkBalance(service: DemoService, payments: DemoPayment[], payer: Address) {
  const own = payments.filter((payment) => payment.payer === payer)
  const expected = String(own.reduce((sum, { expectedMinutes }) => sum + Number(expectedMinutes), 0))
  const response = await fetch(`${service.baseUrl}/v1/accounts/${payer}/balance`, {
    headers: { authorization: `Bearer ${service.serviceKey}` },
  })
  const { balanceMinutes } = (await response.json()) as { balanceMinutes?: string }
  const ok = sameMinutes(balanceMinutes ?? null, expected)
  const verdict = ok ? pc.green('as it should be') : pc.red(`should be ${expected}`)
  return { ok, line: `  balance of ${payer}: ${balanceMinutes ?? 'unknown'} minutes, ${verdict}` }
}

/** `60`, `60.0` and `60.000000` are the same; anything that is not exactly a number of minutes is not. */
function sameMinutes(credited: string | null, expected: string): boolean {
  if (credited === null || !/^\d+(\.\d+)?$/.test(credited)) return false
  return credited.replace(/\.0*$/, '') === expected
}

function label({ paid, who }: DemoPayment): string {
  return `${paid.padEnd(12)} by ${who}`
}

function introduceChain(chain: DemoChain): string {
  return [
    `  chain      ${chain.rpcUrl}, chain id ${chain.chainId}, a block each second`,
    `  USDC-like  ${chain.usdc.address}`,
    `  AXGT-like  ${chain.axgt.address}`,
    `  price feed ${chain.priceFeed}`,
    `  revenue    ${chain.people.revenue}`,
    '',
  ].join('\n')
}

function invite(chain: DemoChain, service: DemoService, url: string): string {
  return [
    '',
    `${pc.bold('It stays up.')} Open this page and pay with the wallet built into it; no extension is needed:`,
    '',
    `  ${pc.bold(pc.cyan(`${url}/?demo`))}`,
    '',
    `  API        ${url}/v1/config`,
    `  docs       ${url}/docs`,
    `  GraphQL    ${url}/graphql`,
    `  balance    curl -H 'Authorization: Bearer ${service.serviceKey}' ${url}/v1/accounts/${chain.people.buyer}/balance`,
    `Stop it with ${pc.bold('Ctrl-C')}; nothing is left behind.`,
    '',
  ].join('\n')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

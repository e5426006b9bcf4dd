import pc from 'picocolors'
import type { Address } from 'viem'
import type { DemoService } from './startDemoService.ts'

const PROFILE = 'max'
const BEATS = 4
const BEAT_EVERY_MS = 1_000

interface Metered {
  state: string
  totalBilledMinutes: string
  balanceMinutes: string
}

/**
 * Runs a desktop for a few seconds as the desktop service does, a heartbeat each second, and shows the balance falling.
 * Returns whether the session cost exactly what the balance lost.
 */
export async function burnSession(
  service: DemoService,
  wallet: Address,
  out: NodeJS.WriteStream,
): Promise<boolean> {
  const before = await readMicros(service, wallet)
  const started = await post(service, '/v1/sessions', { wallet, profile: PROFILE })
  const { id, gpus } = (await started.json()) as { id: string; gpus: number }
  out.write(`\nA desktop with ${gpus} GPUs starts (profile "${PROFILE}"), a heartbeat each second:\n`)
  for (let beat = 0; beat < BEATS; beat += 1) {
    await new Promise((resolve) => setTimeout(resolve, BEAT_EVERY_MS))
    const metered = (await (await post(service, `/v1/sessions/${id}/heartbeat`)).json()) as Metered
    out.write(`  ${metered.state.padEnd(8)} ${line(metered)}\n`)
  }
  const released = (await (await post(service, `/v1/sessions/${id}/release`)).json()) as Metered & {
    totalBilledMicros: string
  }
  const lost = before - (await readMicros(service, wallet))
  const ok = lost === BigInt(released.totalBilledMicros) && lost > 0n
  const verdict = ok ? pc.green('to the microsecond') : pc.red(`but the balance lost ${lost} micros`)
  out.write(`  released ${line(released)}, ${verdict}\n`)
  return ok
}

function line({ totalBilledMinutes, balanceMinutes }: Metered): string {
  return `billed ${totalBilledMinutes.padStart(9)} minutes, balance ${balanceMinutes.padStart(10)}`
}

async function readMicros(service: DemoService, wallet: Address): Promise<bigint> {
  const response = await fetch(`${service.baseUrl}/v1/accounts/${wallet}/balance`, {
    headers: { authorization: `Bearer ${service.serviceKey}` },
  })
  return BigInt(((await response.json()) as { balanceMicros: string }).balanceMicros)
}

async function post(service: DemoService, path: string, body?: object): Promise<Response> {
  const response = await fetch(`${service.baseUrl}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${service.serviceKey}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return response
}

import type { Sql } from '../billing/database/connect.ts'
import { type MeterLimits, meterSessions } from '../billing/metering/meterSessions.ts'
import type { Subject } from './measureSlices.ts'
import { openLane } from './openLane.ts'

/** How heartbeats are sent. */
export interface HeartbeatShape {
  callers: number
  /** The ids in each call; the callers divide the calls among themselves. */
  groups: string[][]
  pathOf(ids: string[]): string
  bodyOf(ids: string[]): unknown
}

/** The three ways in which the same heartbeats are sent. */
export interface HeartbeatWays {
  /** Over HTTP to the real billing process. */
  service: Subject
  /** As the service's SQL statement, by the same driver, straight to the same database. */
  statement: Subject
  /** Over HTTP to bare routes that parse the same body and answer at the same length. */
  bare: Subject
  close(): void
}

export interface HeartbeatTargets {
  serviceUrl: URL
  bareUrl: URL
  serviceKey: string
  sql: Sql
  limits: MeterLimits
}

/**
 * Creates the subjects to measure for one shape of heartbeats. Every answer is checked: one that is not about a running
 * session throws.
 */
export function heartbeatWays(targets: HeartbeatTargets, shape: HeartbeatShape): HeartbeatWays {
  const { callers, groups } = shape
  const turns = turnsOf(callers, groups)
  const unitsPerCall = groups[0]?.length ?? 0
  const requests = turns.map((mine) =>
    mine.map((ids) => postOf(targets.serviceUrl, shape.pathOf(ids), targets.serviceKey, shape.bodyOf(ids))),
  )
  const open = (url: URL) => Array.from({ length: callers }, () => openLane(url))
  const lanes = { service: open(targets.serviceUrl), bare: open(targets.bareUrl) }
  const over = (to: typeof lanes.service): Subject => ({
    callers,
    unitsPerCall,
    async call(caller, nth) {
      const answer = await to[caller]?.post(inTurn(requests, caller, nth))
      if (
        answer?.status !== 200 ||
        !answer.body.includes('"running"') ||
        /"(ended|error)"/.test(answer.body)
      ) {
        throw new Error(`a heartbeat was answered ${answer?.status} ${answer?.body.slice(0, 500)}`)
      }
    },
  })
  return {
    service: over(lanes.service),
    bare: over(lanes.bare),
    statement: {
      callers,
      unitsPerCall,
      async call(caller, nth) {
        const beaten = await meterSessions(targets.sql, targets.limits, inTurn(turns, caller, nth), 'beat')
        if (beaten.length !== unitsPerCall || beaten.some(({ state }) => state !== 'running')) {
          throw new Error(`${beaten.length} sessions were metered, or not all of them run`)
        }
      },
    },
    close() {
      for (const lane of [...lanes.service, ...lanes.bare]) lane.close()
    },
  }
}

/** The groups that each caller sends: different ones, if there are enough. */
function turnsOf(callers: number, groups: string[][]): string[][][] {
  return Array.from({ length: callers }, (_, caller) =>
    groups.length < callers ? groups : groups.filter((_group, n) => n % callers === caller),
  )
}

function inTurn<Turn>(turns: Turn[][], caller: number, nth: number): Turn {
  const mine = turns[caller] ?? []
  const turn = mine[nth % mine.length]
  if (turn === undefined) throw new Error(`caller ${caller} has nothing to send`)
  return turn
}

/** The bytes of a POST of JSON, made once and sent often. */
function postOf(url: URL, path: string, key: string, body: unknown): Buffer {
  const json = JSON.stringify(body)
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  )
}

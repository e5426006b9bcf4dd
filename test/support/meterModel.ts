import type { MeterAction, MeterLimits } from '../../billing/metering/meterSessions.ts'
import type { SessionEndReason, SessionState } from '../../billing/metering/schema.ts'

/** A session as the model has it. Instants are microseconds since the model began. */
export interface ModelSession {
  id: string
  account: string
  gpus: bigint
  state: SessionState
  endReason: SessionEndReason | null
  billedThrough: bigint
  lastBeat: bigint
  total: bigint
}

/** A volume as the model has it. */
export interface ModelVolume {
  id: string
  account: string
  size: bigint
  isDeleted: boolean
  /** Time stored while its owner had no live session, not yet billed. */
  unbilled: bigint
  /** Of what it cost, in byte-microseconds: nothing is rounded before it is billed. */
  byteMicros: bigint
  total: bigint
}

/** What one metering call answers for a session. */
export interface ModelAnswer {
  id: string
  state: SessionState
  endReason: SessionEndReason | null
  billed: bigint
  total: bigint
  balance: bigint
  isLow: boolean
  graceLeft: bigint
}

interface ModelAccount {
  ledger: bigint
  graceUsed: bigint
  isLow: boolean
}

interface ModelUsage {
  account: string
  hour: bigint
  micros: bigint
  isPosted: boolean
}

const HOUR = 3_600_000_000n
const SETTLED_AFTER = 300_000_000n
const CATCH_UP = 7n * 24n * HOUR
const BYTES_PER_GIB = 1n << 30n

const least = (a: bigint, b: bigint) => (a < b ? a : b)
const atLeastZero = (value: bigint) => (value > 0n ? value : 0n)
const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)

/**
 * Metering as the specification tells it (design §7 and §8), one session after the other and in memory. It is written
 * without a look at the SQL on purpose: storage, for one, is the sum of the stretches of time that went by, and not the
 * difference of two counters. It begins at a full hour, with heartbeats having been receivable for long.
 */
export class MeterModel {
  readonly sessions = new Map<string, ModelSession>()
  readonly volumes = new Map<string, ModelVolume>()
  /** How often each kind of event was told. */
  readonly told = new Map<string, number>()
  private readonly accounts = new Map<string, ModelAccount>()
  private readonly usage = new Map<string, ModelUsage>()
  private now = 0n
  /** Nobody could be heard before. */
  private heardSince = -24n * HOUR

  private readonly limits: MeterLimits
  private readonly microsPerGibHour: bigint

  constructor(limits: MeterLimits, microsPerGibHour: bigint) {
    this.limits = limits
    this.microsPerGibHour = microsPerGibHour
  }

  pass(micros: bigint): void {
    this.now += micros
    for (const volume of this.volumes.values())
      if (!volume.isDeleted && this.liveOf(volume.account).length === 0) volume.unbilled += micros
  }

  /** A downtime of ours, however short: silence counts from its end. */
  passUnheard(micros: bigint): void {
    this.pass(micros)
    this.heardSince = this.now
  }

  give(account: string, micros: bigint): void {
    this.account(account).ledger += micros
  }

  deposit(account: string, micros: bigint): void {
    this.give(account, micros)
    this.account(account).graceUsed = 0n
    for (const session of this.liveOf(account)) {
      if (session.state === 'grace') session.billedThrough = this.now
    }
  }

  start(
    id: string,
    account: string,
    gpus: bigint,
  ): 'created' | 'existing' | 'conflict' | 'insufficient_credit' {
    const existing = this.sessions.get(id)
    if (existing) return existing.account === account && existing.gpus === gpus ? 'existing' : 'conflict'
    const live = this.liveOf(account)
    const left = this.unpostedBalance(account) - this.accrued(live)
    const allGpus = live.reduce((all, session) => all + session.gpus, gpus)
    if (left < 60_000_000n * allGpus) return 'insufficient_credit'
    this.sessions.set(id, {
      id,
      account,
      gpus,
      state: 'running',
      endReason: null,
      billedThrough: this.now,
      lastBeat: this.now,
      total: 0n,
    })
    this.tell('session.started')
    this.judgeLow(account, left <= this.lowMicros(allGpus))
    return 'created'
  }

  /** What a metering call does and answers, sorted by id. */
  meter(action: MeterAction, ids: string[]): ModelAnswer[] {
    const named = [...new Set(ids)].flatMap((id) => this.sessions.get(id) ?? []).sort(byId)
    const ended = named.filter(({ state }) => state === 'ended' && action !== 'expire')
    const metered = named.filter(
      (session) => session.state !== 'ended' && (action !== 'expire' || this.isSilent(session)),
    )
    const billed = new Map<string, bigint>()
    for (const account of new Set(metered.map((session) => session.account)))
      this.meterAccount(
        action,
        account,
        metered.filter((session) => session.account === account),
        billed,
      )
    return [...metered, ...ended].sort(byId).map((session) => ({
      id: session.id,
      state: session.state,
      endReason: session.endReason,
      billed: billed.get(session.id) ?? 0n,
      total: session.total,
      balance: this.unpostedBalance(session.account),
      isLow: this.account(session.account).isLow,
      graceLeft: atLeastZero(this.limits.graceMicros - this.account(session.account).graceUsed),
    }))
  }

  /** Ends all that have been silent for too long. */
  expire(): string[] {
    return this.meter('expire', [...this.sessions.keys()]).map(({ id }) => id)
  }

  accrue(): bigint {
    return [...this.volumes.values()]
      .filter(({ isDeleted }) => !isDeleted)
      .map((volume) => this.billVolume(volume))
      .reduce((all, micros) => all + micros, 0n)
  }

  put(id: string, account: string, size: bigint): 'stored' | 'conflict' {
    this.account(account)
    for (const volume of this.volumes.values())
      if (volume.account === account && !volume.isDeleted) this.billVolume(volume)
    const existing = this.volumes.get(id)
    if (existing === undefined)
      this.volumes.set(id, { id, account, size, isDeleted: false, unbilled: 0n, byteMicros: 0n, total: 0n })
    else if (existing.account !== account && !existing.isDeleted) return 'conflict'
    else Object.assign(existing, { account, size, isDeleted: false })
    return 'stored'
  }

  delete(id: string): void {
    const volume = this.volumes.get(id)
    if (volume === undefined || volume.isDeleted) return
    for (const other of this.volumes.values())
      if (other.account === volume.account && !other.isDeleted) this.billVolume(other)
    volume.isDeleted = true
  }

  /** Posts the usage of hours that are over; how many entries that makes. */
  post(): number {
    const open = this.hourOf(this.now - SETTLED_AFTER)
    const due = [...this.usage.values()].filter(({ isPosted, hour }) => !isPosted && hour < open)
    for (const row of due) {
      row.isPosted = true
      this.account(row.account).ledger -= row.micros
    }
    return due.length
  }

  /** What an account's entries sum to. */
  ledgerBalance(account: string): bigint {
    return this.account(account).ledger
  }

  graceUsed(account: string): bigint {
    return this.account(account).graceUsed
  }

  /** Its entries, less usage that is not posted yet. */
  unpostedBalance(account: string): bigint {
    let balance = this.account(account).ledger
    for (const row of this.usage.values()) if (row.account === account && !row.isPosted) balance -= row.micros
    return balance
  }

  /** What the account holds at this moment: its sessions have used something since their last heartbeat. */
  balanceNow(account: string): bigint {
    const balance = this.unpostedBalance(account)
    return balance <= 0n ? balance : atLeastZero(balance - this.accrued(this.liveOf(account)))
  }

  private meterAccount(
    action: MeterAction,
    account: string,
    sessions: ModelSession[],
    billed: Map<string, bigint>,
  ): void {
    const wasInGrace = this.liveOf(account).some(({ state }) => state === 'grace')
    const before = new Map(sessions.map(({ id, state }) => [id, state]))
    const unpaid = new Map<string, bigint>()
    const silent = new Set(
      action === 'beat' || action === 'expire' ? sessions.filter((session) => this.isSilent(session)) : [],
    )
    for (const session of sessions) {
      const elapsed = this.elapsed(session, silent.has(session))
      const paid = least(elapsed * session.gpus, atLeastZero(this.unpostedBalance(account)))
      this.use(`session ${session.id}`, account, paid)
      billed.set(session.id, paid)
      unpaid.set(session.id, elapsed - paid / session.gpus)
      session.total += paid
      session.billedThrough = silent.has(session) ? session.billedThrough + elapsed : this.now
    }
    const left = this.unpostedBalance(account)
    const state = this.account(account)
    for (const session of sessions) {
      const graceLeft = atLeastZero(this.limits.graceMicros - state.graceUsed)
      const time = unpaid.get(session.id) ?? 0n
      state.graceUsed += least(time, graceLeft)
      session.endReason =
        action === 'release'
          ? 'released'
          : action === 'end'
            ? 'ended_by_operator'
            : silent.has(session)
              ? 'heartbeat_timeout'
              : left <= 0n && time >= graceLeft
                ? 'grace_exhausted'
                : null
      session.state = session.endReason !== null ? 'ended' : left <= 0n ? 'grace' : 'running'
      if (action === 'beat' && session.endReason === null) session.lastBeat = this.now
      if (session.state !== before.get(session.id))
        this.tell(session.state === 'running' ? 'session.resumed' : `session.${session.state}`)
    }
    const ranOut = (one: ModelSession) => one.state === 'grace' || one.endReason === 'grace_exhausted'
    if (!wasInGrace && sessions.some((one) => before.get(one.id) === 'running' && ranOut(one)))
      this.tell('balance.exhausted')
    const live = this.liveOf(account)
    const burning = live
      .filter((session) => session.state === 'running')
      .reduce((all, session) => all + session.gpus, 0n)
    this.judgeLow(account, live.length > 0 && left <= this.lowMicros(burning))
  }

  private elapsed(session: ModelSession, isSilent: boolean): bigint {
    const until = isSilent
      ? least(this.now, session.lastBeat + this.limits.heartbeatIntervalMicros)
      : least(this.now, session.billedThrough + this.limits.heartbeatTimeoutMicros)
    return atLeastZero(until - session.billedThrough)
  }

  private isSilent({ lastBeat }: ModelSession): boolean {
    const timeout = this.limits.heartbeatTimeoutMicros
    return this.now - lastBeat > timeout && this.now - this.heardSince > timeout
  }

  private accrued(live: ModelSession[]): bigint {
    return live.reduce((all, session) => all + this.elapsed(session, false) * session.gpus, 0n)
  }

  private billVolume(volume: ModelVolume): bigint {
    volume.byteMicros += least(volume.unbilled, CATCH_UP) * volume.size
    volume.unbilled = 0n
    const cost = (volume.byteMicros * this.microsPerGibHour) / (BYTES_PER_GIB * HOUR)
    const micros = cost - volume.total
    volume.total = cost
    this.use(`volume ${volume.id}`, volume.account, micros)
    return micros
  }

  private use(source: string, account: string, micros: bigint): void {
    if (micros === 0n) return
    const hour = this.hourOf(this.now)
    const key = `${source} ${account} ${hour}`
    const row = this.usage.get(key)
    if (row) row.micros += micros
    else this.usage.set(key, { account, hour, micros, isPosted: false })
  }

  private judgeLow(account: string, isLow: boolean): void {
    const state = this.account(account)
    if (isLow && !state.isLow) this.tell('balance.low')
    state.isLow = isLow
  }

  private lowMicros(gpus: bigint): bigint {
    return BigInt(this.limits.lowBalanceMinutes) * 60_000_000n * gpus
  }

  private liveOf(account: string): ModelSession[] {
    return [...this.sessions.values()].filter((one) => one.account === account && one.state !== 'ended')
  }

  private account(address: string): ModelAccount {
    const known = this.accounts.get(address)
    if (known) return known
    const opened: ModelAccount = { ledger: 0n, graceUsed: 0n, isLow: false }
    this.accounts.set(address, opened)
    return opened
  }

  private tell(kind: string): void {
    this.told.set(kind, (this.told.get(kind) ?? 0) + 1)
  }

  private hourOf(micros: bigint): bigint {
    return (micros - (((micros % HOUR) + HOUR) % HOUR)) / HOUR
  }
}

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
  grace: bigint
  /** null while it lives. */
  endedAt: bigint | null
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
  /** At the GPUs that then run; null unless in grace. */
  graceLeft: bigint | null
}

interface ModelAccount {
  ledger: bigint
  /** Since the last refill. */
  graceUsed: bigint
  /** Ever. */
  graceTotal: bigint
  /** By deposits, less reversals. */
  bought: bigint
  isLow: boolean
}

interface ModelDeposit {
  account: string
  micros: bigint
  stands: boolean
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
  private readonly deposits: ModelDeposit[] = []
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

  /** Grace up to this moment is used before the deposit is there; then the allowance is whole again. */
  deposit(account: string, micros: bigint): void {
    const inGrace = this.liveOf(account).filter(({ state }) => state === 'grace')
    if (inGrace.length > 0) this.meterAccount('settle', account, inGrace.sort(byId), new Map())
    this.deposits.push({ account, micros, stands: false })
    this.move(this.deposits.length - 1, true)
    this.account(account).graceUsed = 0n
  }

  /** A reorg drops a deposit, or brings it back: neither refills anything. False when it already is so. */
  move(nth: number, stands: boolean): boolean {
    const deposit = this.deposits[nth]
    if (deposit === undefined || deposit.stands === stands) return false
    deposit.stands = stands
    const micros = stands ? deposit.micros : -deposit.micros
    this.give(deposit.account, micros)
    this.account(deposit.account).bought += micros
    return true
  }

  start(
    id: string,
    account: string,
    gpus: bigint,
  ): 'created' | 'existing' | 'conflict' | 'insufficient_credit' {
    const existing = this.sessions.get(id)
    if (existing)
      return existing.account === account && existing.gpus === gpus && existing.state !== 'ended'
        ? 'existing'
        : 'conflict'
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
      grace: 0n,
      endedAt: null,
    })
    this.tell('session.started')
    this.judgeLow(account, left <= this.lowMicros(allGpus))
    return 'created'
  }

  /** What a metering call does and answers, sorted by id. */
  meter(action: MeterAction, ids: string[]): ModelAnswer[] {
    const named = [...new Set(ids)].flatMap((id) => this.sessions.get(id) ?? []).sort(byId)
    const ended = named.filter(({ state }) => state === 'ended' && action !== 'expire')
    const live = named.filter(({ state }) => state !== 'ended')
    const metered =
      action === 'expire'
        ? live.filter(
            (session) =>
              this.isSilent(session) ||
              this.isSpent(
                session.account,
                live.filter(({ account }) => account === session.account),
              ),
          )
        : live
    const graceLeft = new Map<string, bigint | null>()
    const billed = new Map<string, bigint>()
    for (const account of new Set(metered.map((session) => session.account)))
      graceLeft.set(
        account,
        this.meterAccount(
          action,
          account,
          metered.filter((session) => session.account === account),
          billed,
        ),
      )
    return [...metered, ...ended].sort(byId).map((session) => ({
      id: session.id,
      state: session.state,
      endReason: session.endReason,
      billed: billed.get(session.id) ?? 0n,
      total: session.total,
      balance: this.unpostedBalance(session.account),
      isLow: this.account(session.account).isLow,
      graceLeft: session.state === 'grace' ? (graceLeft.get(session.account) ?? null) : null,
    }))
  }

  /** Ends all that have been silent for too long, then those of accounts that have nothing left, not even grace. */
  expire(): string[] {
    const silent = [...this.sessions.values()].filter((one) => one.state !== 'ended' && this.isSilent(one))
    const ended = this.meter(
      'expire',
      silent.map(({ id }) => id),
    )
    const spent = [...this.accounts].flatMap(([account, { isLow }]) => {
      const live = this.liveOf(account)
      return isLow && this.isSpent(account, live, false) ? live : []
    })
    const exhausted = this.meter(
      'expire',
      spent.map(({ id }) => id),
    )
    return [...ended, ...exhausted].map(({ id }) => id)
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

  graceOf(account: string): Pick<ModelAccount, 'graceUsed' | 'graceTotal' | 'bought'> {
    const { graceUsed, graceTotal, bought } = this.account(account)
    return { graceUsed, graceTotal, bought }
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

  /** Returns for how long its sessions may run on in grace. */
  private meterAccount(
    action: MeterAction | 'settle',
    account: string,
    sessions: ModelSession[],
    billed: Map<string, bigint>,
  ): bigint | null {
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
      unpaid.set(session.id, elapsed * session.gpus - paid)
      session.total += paid
      session.billedThrough = silent.has(session) ? session.billedThrough + elapsed : this.now
    }
    const left = this.unpostedBalance(account)
    const state = this.account(account)
    const allowance = left > 0n ? 0n : this.allowanceOf(account)
    const isExhausted =
      left <= 0n && [...unpaid.values()].reduce((all, micros) => all + micros, 0n) >= allowance
    let graceLeft = allowance
    for (const session of sessions) {
      const missing = unpaid.get(session.id) ?? 0n
      const granted = least(missing, graceLeft)
      graceLeft -= granted
      state.graceUsed += granted
      state.graceTotal += granted
      session.grace += granted
      session.endReason =
        action === 'release'
          ? 'released'
          : action === 'end'
            ? 'ended_by_operator'
            : silent.has(session)
              ? 'heartbeat_timeout'
              : isExhausted
                ? 'grace_exhausted'
                : null
      session.state = session.endReason !== null ? 'ended' : left <= 0n ? 'grace' : 'running'
      if (session.state === 'ended')
        session.endedAt =
          session.endReason === 'grace_exhausted' ? this.now - (missing - granted) / session.gpus : this.now
      if (action === 'beat' && session.endReason === null) session.lastBeat = this.now
      if (session.state !== before.get(session.id))
        this.tell(session.state === 'running' ? 'session.resumed' : `session.${session.state}`)
    }
    if (this.liveOf(account).length === 0) this.storeSince(account, this.lastEndOf(account))
    const ranOut = (one: ModelSession) => one.state === 'grace' || one.endReason === 'grace_exhausted'
    if (!wasInGrace && sessions.some((one) => before.get(one.id) === 'running' && ranOut(one)))
      this.tell('balance.exhausted')
    const live = this.liveOf(account)
    const burning = live
      .filter((session) => session.state === 'running')
      .reduce((all, session) => all + session.gpus, 0n)
    this.judgeLow(account, live.length > 0 && left <= this.lowMicros(burning))
    const liveGpus = live.reduce((all, session) => all + session.gpus, 0n)
    return liveGpus > 0n ? graceLeft / liveGpus : null
  }

  private allowanceOf(account: string): bigint {
    const { graceUsed, graceTotal, bought } = this.account(account)
    const share = (atLeastZero(bought) * BigInt(this.limits.gracePercent)) / 100n
    return atLeastZero(least(this.limits.graceMicros - graceUsed, share - graceTotal))
  }

  /** Whether sessions have by now used what there is, and all grace. */
  private isSpent(account: string, live: ModelSession[], heedSilence = true): boolean {
    if (live.length === 0) return false
    const used = live.reduce(
      (all, one) => all + this.elapsed(one, heedSilence && this.isSilent(one)) * one.gpus,
      0n,
    )
    const left = this.unpostedBalance(account)
    return used >= left && used - atLeastZero(left) >= this.allowanceOf(account)
  }

  private lastEndOf(account: string): bigint {
    return [...this.sessions.values()]
      .filter((one) => one.account === account)
      .reduce((last, { endedAt }) => (endedAt !== null && endedAt > last ? endedAt : last), 0n)
  }

  /** What was used up before it was noticed is stored from then on. */
  private storeSince(account: string, since: bigint): void {
    for (const volume of this.volumes.values())
      if (volume.account === account && !volume.isDeleted) volume.unbilled += this.now - since
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
    const opened: ModelAccount = { ledger: 0n, graceUsed: 0n, graceTotal: 0n, bought: 0n, isLow: false }
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

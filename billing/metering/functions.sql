-- The functions of metering, as source: `migrate` applies this file whenever it has changed. billing/database/migrate.ts
-- says what a change may do while two releases run side by side. A function stands after those it calls.

-- The time between two moments in whole microseconds, exact. Taken from the interval, not from two epochs: the epoch of a
-- timestamptz is only STABLE, so neither this function nor its callers would be inlined, and a heartbeat would take three
-- times as long.
CREATE OR REPLACE FUNCTION "credits"."micros_between"(earlier timestamptz, later timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (extract(epoch FROM later - earlier) * 1000000)::bigint
$$;

-- The present moment by the metering clock: the machine's clock less its jumps, and with the downtimes that a chain vouched
-- for. When it is more than five seconds from the last tick it cannot be trusted, and stands still at that tick until the
-- next one.
CREATE OR REPLACE FUNCTION "credits"."metering_now"() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN abs("credits"."micros_between"(c.alive_at, n.now_seen)) > 5000000 THEN c.alive_at ELSE n.now_seen END
    FROM "credits"."metering_clock" c,
      LATERAL (SELECT "credits"."wall_clock"() - (c.skew_micros - c.vouched_micros) * interval '1 microsecond' AS now_seen) n
$$;

-- Moves the clock over gaps in which no process ran, as far as `vouched_until` (a chain's newest block time; null: no chain
-- says anything) confirms that the time has passed. Returns by how many microseconds it moved.
-- Whoever was idle over the gap owes for what is vouched for. A session from before the gap sees a downtime of that length;
-- what began or was billed since then sees nothing of it.
-- A block's time is always a little behind. So the last minute of what was put aside is given back without a witness, but
-- nothing is billed for it; and smaller steps than a minute wait.
CREATE OR REPLACE FUNCTION "credits"."vouch"(vouched_until timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  c "credits"."metering_clock";
  now_seen timestamptz;
  owed bigint;
  moved bigint;
  unpaid bigint;
BEGIN
  PERFORM 1 FROM "credits"."metering_clock" WHERE gap_at IS NOT NULL;
  IF NOT FOUND THEN RETURN 0; END IF;
  SELECT * INTO STRICT c FROM "credits"."metering_clock" FOR UPDATE;
  now_seen := "credits"."wall_clock"() - (c.skew_micros - c.vouched_micros) * interval '1 microsecond';
  IF c.gap_at IS NULL OR abs("credits"."micros_between"(c.alive_at, now_seen)) > 5000000 THEN RETURN 0; END IF;
  owed := greatest(0, least(coalesce("credits"."micros_between"(now_seen, vouched_until), 0), c.gap_micros));
  moved := CASE WHEN c.gap_micros - owed <= 60000000 THEN c.gap_micros ELSE owed END;
  IF moved < c.gap_micros AND owed < 60000000 THEN RETURN 0; END IF;
  unpaid := moved - owed;
  PERFORM 1 FROM "credits"."meter" m
    WHERE m.live_sessions > 0 OR m.gap_idle OR m.idle_since > c.gap_at
      OR m.account IN (SELECT v.account FROM "credits"."volume" v WHERE v.deleted_at IS NULL)
    ORDER BY m.account FOR UPDATE;
  WITH shifted AS (
    SELECT s.id, CASE WHEN s.billed_through > c.gap_at THEN moved ELSE unpaid END * interval '1 microsecond' AS beat,
      CASE WHEN s.ended_at > c.gap_at THEN moved ELSE 0 END * interval '1 microsecond' AS ended,
      -- What is written down under an hour stays in it.
      CASE WHEN s.started_at > c.gap_at AND s.state <> 'ended'
          AND NOT EXISTS (SELECT FROM "credits"."usage" u WHERE u.source = 'session' AND u.source_id = s.id)
        THEN moved ELSE 0 END * interval '1 microsecond' AS started
    FROM "credits"."session" s WHERE s.state <> 'ended' OR s.ended_at > c.gap_at
  )
  UPDATE "credits"."session" s
     SET billed_through = s.billed_through + h.beat, last_beat_at = s.last_beat_at + h.beat,
         started_at = s.started_at + h.started, ended_at = s.ended_at + h.ended,
         hour = greatest(s.hour, date_trunc('hour', coalesce(s.ended_at + h.ended, s.last_beat_at + h.beat), 'UTC'))
    FROM shifted h WHERE h.id = s.id;
  -- What is stored since the gap, or at another size, was not stored so over it.
  UPDATE "credits"."volume" v
     SET billed_idle_micros = v.billed_idle_micros
           + CASE WHEN coalesce(v.sized_at, v.created_at) > c.gap_at THEN moved ELSE unpaid END
    FROM "credits"."meter" m
   WHERE m.account = v.account AND v.deleted_at IS NULL AND (m.gap_idle OR m.idle_since <= c.gap_at);
  -- Who has been idle since before the gap is idle for longer by the move itself.
  UPDATE "credits"."meter" m
     SET idle_micros = m.idle_micros + CASE WHEN m.gap_idle THEN moved ELSE 0 END,
         idle_since = m.idle_since + CASE WHEN m.idle_since > c.gap_at THEN moved ELSE 0 END * interval '1 microsecond',
         gap_idle = m.gap_idle AND moved < c.gap_micros
   WHERE m.gap_idle OR m.idle_since > c.gap_at;
  UPDATE "credits"."metering_clock"
     SET vouched_micros = c.vouched_micros + moved, alive_at = c.alive_at + moved * interval '1 microsecond',
         alive_since = now_seen + moved * interval '1 microsecond', gap_micros = c.gap_micros - moved,
         gap_at = CASE WHEN moved < c.gap_micros THEN c.gap_at END;
  RETURN moved;
END $$;

-- The latest moment that the metering clock gave out, not before the last tick: between ticks it goes on, by five seconds at
-- most, and what began, was billed or ended then must stay in the past.
CREATE OR REPLACE FUNCTION "credits"."latest_moment"(last_tick timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT least(last_tick + interval '5 seconds', greatest(last_tick,
    (SELECT max(greatest(s.billed_through, s.last_beat_at, s.ended_at)) FROM "credits"."session" s
      WHERE s.billed_through > last_tick OR s.last_beat_at > last_tick OR s.ended_at > last_tick),
    (SELECT max(m.idle_since) FROM "credits"."meter" m WHERE m.idle_since > last_tick),
    (SELECT max(greatest(v.created_at, v.sized_at, v.deleted_at)) FROM "credits"."volume" v
      WHERE v.created_at > last_tick OR v.sized_at > last_tick OR v.deleted_at > last_tick)))
$$;

-- Records that heartbeats can be received. A process passes what its last tick returned and how long ago that was by its own
-- monotonic clock: if the database's clock disagrees by more than two seconds, it has jumped, and the jump is taken out.
-- What a tick returns knows nothing of vouched downtimes: a process must not take one of these for a jump.
-- Five seconds without a tick are a gap in which no heartbeat could be received, and neither could one before a process
-- started: the silence of a session counts from the end of the gap, or from the start. When one of several processes
-- starts, silence merely counts anew for all of them.
-- Over a gap that ends with the start of a process, nobody can tell time that passed from a jump of the machine's clock. It
-- is put aside: the clock goes on from where it was, and `vouch` gives back what a chain confirms. When the
-- machine's clock is then found to be behind, as much of it is withdrawn.
-- The clock never goes back, whoever ticks: not when the machine's clock was set back while no process ran, nor when a
-- process slept and takes that for a jump. Time that is billed stays in the past, and an hour that is posted stays over.
CREATE OR REPLACE FUNCTION "credits"."tick"(last_seen timestamptz, elapsed_micros bigint) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
  c "credits"."metering_clock";
  now_seen timestamptz;
  jump bigint;
  gap bigint;
  resumed timestamptz;
BEGIN
  SELECT * INTO STRICT c FROM "credits"."metering_clock" FOR UPDATE;
  now_seen := "credits"."wall_clock"() - (c.skew_micros - c.vouched_micros) * interval '1 microsecond';
  IF last_seen IS NOT NULL THEN
    jump := "credits"."micros_between"(last_seen + c.vouched_micros * interval '1 microsecond', now_seen) - elapsed_micros;
    IF abs(jump) > 2000000 THEN
      now_seen := now_seen - jump * interval '1 microsecond';
      c.skew_micros := c.skew_micros + jump;
      c.gap_micros := greatest(0, c.gap_micros + least(jump, 0));
    END IF;
  END IF;
  gap := "credits"."micros_between"(c.alive_at, now_seen);
  IF gap < 0 OR (last_seen IS NULL AND gap > 5000000) THEN
    resumed := "credits"."latest_moment"(c.alive_at);
  END IF;
  IF gap < 0 THEN
    gap := "credits"."micros_between"(resumed, now_seen);
    c.skew_micros := c.skew_micros + gap;
    now_seen := resumed;
    IF last_seen IS NULL THEN
      c.gap_micros := greatest(0, c.gap_micros + gap);
    END IF;
  ELSIF last_seen IS NULL AND gap > 5000000 THEN
    gap := "credits"."micros_between"(resumed, now_seen);
    now_seen := resumed;
    c.skew_micros := c.skew_micros + gap;
    c.gap_micros := c.gap_micros + gap;
    -- Whoever was idle over an earlier gap only: which of the two is real, nobody can tell.
    PERFORM 1 FROM "credits"."meter" m WHERE m.gap_idle ORDER BY m.account FOR UPDATE;
    UPDATE "credits"."meter" m SET gap_idle = false WHERE m.gap_idle AND m.live_sessions > 0;
    c.gap_at := coalesce(c.gap_at, resumed);
  END IF;
  IF last_seen IS NULL OR c.alive_at IS NULL OR abs(gap) > 5000000 THEN
    c.alive_since := now_seen;
  END IF;
  UPDATE "credits"."metering_clock"
     SET skew_micros = c.skew_micros, alive_since = c.alive_since, alive_at = now_seen, gap_micros = c.gap_micros,
         gap_at = c.gap_at;
  RETURN now_seen - c.vouched_micros * interval '1 microsecond';
END $$;

-- The plan, part 1: how much time of a session is billed. Pure. A silent session is billed up to one heartbeat interval
-- after its last beat, any other for at most the heartbeat timeout; nothing is billed while the clock cannot be trusted.
CREATE OR REPLACE FUNCTION "credits"."plan_elapsed"(
  billed_through timestamptz, last_beat_at timestamptz, now_seen timestamptz, is_trusted boolean, is_silent boolean,
  interval_micros bigint, timeout_micros bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN NOT is_trusted THEN 0
    WHEN is_silent THEN greatest(0, least("credits"."micros_between"(billed_through, now_seen),
      "credits"."micros_between"(billed_through, last_beat_at) + interval_micros))
    ELSE greatest(0, least("credits"."micros_between"(billed_through, now_seen), timeout_micros))
  END
$$;

-- The plan, part 2: how much of a cost is billed, given what is left. Pure. Never more than is left, never below zero.
CREATE OR REPLACE FUNCTION "credits"."plan_charge"(cost bigint, left_micros bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT least(cost, greatest(left_micros, 0)) $$;

-- The plan, part 3: how much grace an account may still use, in micros of one GPU. Pure. At most `limit_micros` since its
-- last refill, and of all that its deposits ever bought at most `percent`, floored.
CREATE OR REPLACE FUNCTION "credits"."plan_grace"(
  used_micros bigint, total_micros bigint, limit_micros bigint, percent integer, bought_micros bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT greatest(0, least(limit_micros - used_micros,
    div(greatest(bought_micros, 0)::numeric * percent, 100)::bigint - total_micros))
$$;

-- What an account's deposits ever bought, less reversals.
CREATE OR REPLACE FUNCTION "credits"."bought_micros"(p_account text) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(sum(e.micros), 0)::bigint FROM "credits"."ledger_entry" e
    WHERE e.account = p_account AND e.kind IN ('deposit', 'deposit_reversal')
$$;

-- The plan, part 4: why a session ends, or null when it does not. Pure. `left_after` is what the account has left once all
-- its sessions are billed, `grace_left` the grace it had then, and `unpaid` what its sessions used beyond the balance.
CREATE OR REPLACE FUNCTION "credits"."plan_end"(action text, is_silent boolean, left_after bigint, grace_left bigint, unpaid bigint)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN action = 'release' THEN 'released'
    WHEN action = 'end' THEN 'ended_by_operator'
    WHEN is_silent THEN 'heartbeat_timeout'
    WHEN left_after <= 0 AND grace_left - unpaid <= 0 THEN 'grace_exhausted'
  END
$$;

-- Bills any number of sessions and moves them on: the only way session time is billed, whatever the action ('beat',
-- 'expire', 'release', 'end', 'settle'). All meters involved are locked first, in sorted order, so nobody else changes what
-- is read after that: a moment is billed once, and never more than the account has.
-- 'expire' touches silent sessions, and those of accounts that have used up credit and grace; 'settle' bills up to this
-- moment, by a clock that stands still too, and changes nothing else.
-- What cannot be billed is grace, in micros of one GPU, as far as there is any. A session beyond it ended at the moment at
-- which the last of it was used, however late that is noticed. `grace_left_micros` is how long the account may run on by the
-- GPUs that run now; null unless the session is in grace.
CREATE OR REPLACE FUNCTION "credits"."bill_sessions"(
  p_ids text[], p_action text, p_interval_micros bigint, p_timeout_micros bigint, p_grace_micros bigint,
  p_grace_percent integer, p_low_minutes bigint)
RETURNS TABLE (id text, account text, profile text, gpus integer, state text, end_reason text, started_at timestamptz,
  ended_at timestamptz, billed_micros bigint, total_billed_micros bigint, balance_micros bigint, is_low boolean,
  grace_left_micros bigint)
LANGUAGE plpgsql
-- One query plan for one session and for a thousand, because planning takes longer than billing one session. So no step
-- may suit few rows only: rows are joined by an index or a hash, whatever the planner expects.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_hour timestamptz;
  v_trusted boolean;
  v_bills boolean;
  v_listening boolean;
  v_accounts text[];
BEGIN
  SELECT array_agg(l.account) INTO v_accounts FROM (
    SELECT m.account FROM "credits"."meter" m
    WHERE m.account IN (SELECT s.account FROM "credits"."session" s WHERE s.id = ANY(p_ids) AND s.state <> 'ended')
    ORDER BY m.account FOR UPDATE) l;
  -- Read once the locks are held: it is never before a moment that somebody else has billed through.
  v_now := "credits"."metering_now"();
  v_hour := date_trunc('hour', v_now, 'UTC');
  SELECT coalesce(abs("credits"."micros_between"(c.alive_at,
        "credits"."wall_clock"() - (c.skew_micros - c.vouched_micros) * interval '1 microsecond')) <= 5000000, false),
      coalesce("credits"."micros_between"(c.alive_since, v_now) > p_timeout_micros, false)
    INTO v_trusted, v_listening FROM "credits"."metering_clock" c;
  v_bills := v_trusted OR p_action = 'settle';
  RETURN QUERY
  WITH live AS MATERIALIZED (
    SELECT s.*, a.balance_micros - m.unposted_micros AS available, m.grace_used_micros, m.grace_total_micros,
      m.is_low AS was_low, m.live_sessions,
      p_action IN ('beat', 'expire') AND v_trusted AND v_listening
        AND "credits"."micros_between"(s.last_beat_at, v_now) > p_timeout_micros AS is_silent
    FROM "credits"."session" s
    JOIN "credits"."meter" m ON m.account = s.account
    JOIN "credits"."account" a ON a.address = s.account
    -- A session that started while this waited for its locks may be of an account that is not locked: it is not known yet.
    -- (With IS TRUE the subquery is hashed; `= ANY(v_accounts)` would search the array from its start for each session.)
    WHERE s.id = ANY(p_ids) AND s.state <> 'ended' AND (s.account IN (SELECT unnest(v_accounts))) IS TRUE
  ), timed AS MATERIALIZED (
    SELECT l.*, "credits"."plan_elapsed"(l.billed_through, l.last_beat_at, v_now, v_bills, l.is_silent,
      p_interval_micros, p_timeout_micros) AS elapsed
    FROM live l
  ), spent AS (
    -- Accounts that have used up credit and grace since their last heartbeats.
    SELECT t.account FROM timed t WHERE p_action = 'expire' GROUP BY t.account
    HAVING CASE WHEN sum(t.elapsed * t.gpus) >= min(t.available)
      THEN sum(t.elapsed * t.gpus) - greatest(min(t.available), 0) >= "credits"."plan_grace"(min(t.grace_used_micros),
        min(t.grace_total_micros), p_grace_micros, p_grace_percent, "credits"."bought_micros"(t.account)) END
  ), charged AS (
    SELECT t.*, "credits"."plan_charge"(t.elapsed * t.gpus,
      t.available - (sum(t.elapsed * t.gpus) OVER w - t.elapsed * t.gpus)::bigint) AS billed
    FROM timed t
    WHERE p_action <> 'expire' OR t.is_silent OR t.account IN (SELECT s.account FROM spent s)
    WINDOW w AS (PARTITION BY t.account ORDER BY t.id ROWS UNBOUNDED PRECEDING)
  ), unpaid AS (
    SELECT c.*, c.elapsed * c.gpus - c.billed AS unpaid_micros,
      c.available - (sum(c.billed) OVER (PARTITION BY c.account))::bigint AS left_after
    FROM charged c
  ), allowed AS MATERIALIZED (
    -- What was bought is added up only where the balance is used up.
    SELECT u.*, CASE WHEN u.left_after > 0 THEN 0 ELSE
      "credits"."plan_grace"(u.grace_used_micros, u.grace_total_micros, p_grace_micros, p_grace_percent,
        "credits"."bought_micros"(u.account)) END AS allowance
    FROM unpaid u
  ), graced AS (
    SELECT a.*, least(a.unpaid_micros, greatest(0, a.allowance - (sum(a.unpaid_micros) OVER w - a.unpaid_micros)::bigint))
        AS granted_micros,
      (sum(a.unpaid_micros) OVER (PARTITION BY a.account))::bigint AS all_unpaid
    FROM allowed a WINDOW w AS (PARTITION BY a.account ORDER BY a.id ROWS UNBOUNDED PRECEDING)
  ), ended AS (
    SELECT g.*, "credits"."plan_end"(p_action, g.is_silent, g.left_after, g.allowance, g.all_unpaid) AS reason
    FROM graced g
  ), planned AS MATERIALIZED (
    SELECT e.*, CASE WHEN e.reason IS NOT NULL THEN 'ended' WHEN e.left_after <= 0 THEN 'grace' ELSE 'running' END
        AS next_state,
      v_now - CASE WHEN e.reason = 'grace_exhausted' THEN (e.unpaid_micros - e.granted_micros) / e.gpus ELSE 0 END
        * interval '1 microsecond' AS over_at
    FROM ended e
  ), flushed AS (
    -- An hour that is over, or in which the session ends, becomes a row of its own.
    INSERT INTO "credits"."usage" (source, source_id, hour, account, micros)
    SELECT 'session', f.id, f.hour, f.account, sum(f.micros)::bigint
    FROM (
      SELECT p.id, p.hour, p.account, p.hour_micros AS micros FROM planned p
        WHERE p.hour <> v_hour OR p.next_state = 'ended'
      UNION ALL
      SELECT p.id, v_hour, p.account, p.billed FROM planned p WHERE p.next_state = 'ended'
    ) f
    WHERE f.micros > 0 GROUP BY f.id, f.hour, f.account
    ON CONFLICT ON CONSTRAINT "usage_source_source_id_account_hour_pk"
      DO UPDATE SET micros = "credits"."usage".micros + excluded.micros
  ), moved AS (
    UPDATE "credits"."session" s
       SET billed_through = CASE WHEN NOT v_bills THEN s.billed_through
             WHEN p.is_silent THEN s.billed_through + p.elapsed * interval '1 microsecond'
             ELSE greatest(v_now, s.billed_through) END,
           last_beat_at = CASE WHEN p_action = 'beat' AND v_trusted AND p.reason IS NULL THEN v_now
             ELSE s.last_beat_at END,
           total_billed_micros = s.total_billed_micros + p.billed,
           grace_micros = s.grace_micros + p.granted_micros,
           hour = v_hour,
           hour_micros = CASE WHEN p.next_state = 'ended' THEN 0
             WHEN p.hour = v_hour THEN p.hour_micros + p.billed ELSE p.billed END,
           state = p.next_state, end_reason = p.reason,
           ended_at = CASE WHEN p.next_state = 'ended' THEN p.over_at END
      FROM planned p WHERE s.id = p.id
  ), totals AS (
    SELECT p.account, bool_or(p.was_low) AS was_low, min(p.live_sessions) > count(*) AS has_others,
      sum(p.billed)::bigint AS billed, sum(p.granted_micros)::bigint AS grace, min(p.left_after) AS left_after,
      count(*) FILTER (WHERE p.next_state = 'ended') AS ended, max(p.over_at) AS over_at,
      coalesce(sum(p.gpus) FILTER (WHERE p.next_state = 'running'), 0) AS burning,
      coalesce(sum(p.gpus) FILTER (WHERE p.next_state <> 'ended'), 0) AS live_gpus, min(p.allowance) AS allowance,
      bool_or(p.next_state <> 'ended') AS any_live,
      bool_or(p.state = 'running' AND (p.next_state = 'grace' OR p.reason = 'grace_exhausted')) AS any_exhausted,
      bool_or(p.state = 'grace') AS any_in_grace
    FROM planned p GROUP BY p.account
  ), judged AS MATERIALIZED (
    SELECT t.*,
      (t.any_live OR t.has_others) AND t.left_after <= p_low_minutes * 60000000 * (t.burning + o.burning) AS is_low_now,
      t.burning + o.burning AS all_burning, t.live_gpus + o.live_gpus AS all_live_gpus,
      t.any_exhausted AND NOT t.any_in_grace AND NOT o.any_in_grace AS is_exhausted
    FROM totals t CROSS JOIN LATERAL (
      -- The account's other live sessions, looked up only if it has any.
      SELECT coalesce(sum(s.gpus) FILTER (WHERE s.state = 'running'), 0) AS burning, coalesce(sum(s.gpus), 0) AS live_gpus,
        coalesce(bool_or(s.state = 'grace'), false) AS any_in_grace
      FROM "credits"."session" s
      WHERE t.has_others AND s.account = t.account AND s.state <> 'ended' AND s.id NOT IN (SELECT p.id FROM planned p)
    ) o
  ), metered AS (
    UPDATE "credits"."meter" m
       SET unposted_micros = m.unposted_micros + j.billed, grace_used_micros = m.grace_used_micros + j.grace,
           grace_total_micros = m.grace_total_micros + j.grace,
           live_sessions = m.live_sessions - j.ended::integer,
           idle_since = CASE WHEN m.live_sessions > j.ended THEN NULL WHEN j.over_at = v_now THEN v_now
             ELSE greatest(j.over_at, (SELECT max(s.ended_at) FROM "credits"."session" s WHERE s.account = m.account)) END,
           is_low = j.is_low_now
      FROM judged j WHERE m.account = j.account
  ), told AS (
    INSERT INTO "credits"."outbox_event" (kind, account, payload)
    SELECT 'balance.low', j.account, jsonb_build_object('address', j.account, 'balanceMicros', j.left_after::text,
        'burnMicrosPerMinute', (j.all_burning * 60000000)::text)
      FROM judged j WHERE j.is_low_now AND NOT j.was_low
    UNION ALL
    SELECT 'balance.exhausted', j.account, jsonb_build_object('address', j.account, 'balanceMicros', j.left_after::text,
        'burnMicrosPerMinute', '0')
      FROM judged j WHERE j.is_exhausted
    UNION ALL
    SELECT CASE p.next_state WHEN 'running' THEN 'session.resumed' ELSE 'session.' || p.next_state END, p.account, jsonb_build_object('id', p.id, 'wallet', p.account,
        'profile', p.profile, 'gpus', p.gpus, 'state', p.next_state, 'endReason', p.reason,
        'startedAt', p.started_at, 'totalBilledMicros', (p.total_billed_micros + p.billed)::text)
      FROM planned p WHERE p.next_state <> p.state
  )
  SELECT p.id, p.account, p.profile, p.gpus, p.next_state, p.reason, p.started_at,
      CASE WHEN p.next_state = 'ended' THEN p.over_at END, p.billed, p.total_billed_micros + p.billed, p.left_after,
      j.is_low_now, CASE WHEN p.next_state = 'grace' THEN (j.allowance - j.grace) / j.all_live_gpus END
    -- Every row has its match on the other side; it is a full join because that never becomes a nested loop.
    FROM planned p FULL JOIN judged j ON j.account = p.account
  UNION ALL
  SELECT s.id, s.account, s.profile, s.gpus, s.state, s.end_reason, s.started_at, s.ended_at, 0, s.total_billed_micros,
      coalesce(j.left_after, a.balance_micros - m.unposted_micros), coalesce(j.is_low_now, m.is_low), NULL
    FROM "credits"."session" s
    JOIN "credits"."meter" m ON m.account = s.account
    JOIN "credits"."account" a ON a.address = s.account
    LEFT JOIN judged j ON j.account = s.account
    WHERE s.id = ANY(p_ids) AND s.state = 'ended' AND p_action <> 'expire'
      AND cardinality(p_ids) > (SELECT count(*) FROM live);
END $$;

-- What releases before GRACE_PERCENT call: they know the setting's default only.
CREATE OR REPLACE FUNCTION "credits"."meter_sessions"(
  p_ids text[], p_action text, p_interval_micros bigint, p_timeout_micros bigint, p_grace_micros bigint,
  p_low_minutes bigint)
RETURNS TABLE (id text, account text, profile text, gpus integer, state text, end_reason text, started_at timestamptz,
  ended_at timestamptz, billed_micros bigint, total_billed_micros bigint, balance_micros bigint, is_low boolean,
  grace_left_micros bigint)
LANGUAGE sql AS $$
  SELECT * FROM "credits"."bill_sessions"(p_ids, p_action, p_interval_micros, p_timeout_micros, p_grace_micros, 10,
    p_low_minutes)
$$;

-- Starts a session if the account can pay for one minute of it and of all its live sessions. The same id again is the
-- same session while it lives; with another wallet or profile, or once it has ended, it is a conflict.
CREATE OR REPLACE FUNCTION "credits"."start_session"(
  p_id text, p_account text, p_profile text, p_gpus integer, p_timeout_micros bigint, p_low_minutes bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_existing "credits"."session";
  v_meter "credits"."meter";
  v_now timestamptz;
  v_left bigint;
  v_gpus bigint;
BEGIN
  SELECT * INTO v_existing FROM "credits"."session" s WHERE s.id = p_id;
  IF FOUND THEN
    RETURN CASE WHEN v_existing.account = p_account AND v_existing.profile = p_profile AND v_existing.state <> 'ended'
      THEN 'existing' ELSE 'conflict' END;
  END IF;
  -- An address that was never credited has no account and nothing to spend.
  PERFORM 1 FROM "credits"."account" a WHERE a.address = p_account;
  IF NOT FOUND THEN RETURN 'insufficient'; END IF;
  INSERT INTO "credits"."meter" (account, idle_since) VALUES (p_account, "credits"."metering_now"()) ON CONFLICT DO NOTHING;
  SELECT * INTO STRICT v_meter FROM "credits"."meter" m WHERE m.account = p_account FOR UPDATE;
  -- The same request, sent at the same time, may have come first and taken the credit that both were for.
  SELECT * INTO v_existing FROM "credits"."session" s WHERE s.id = p_id;
  IF FOUND THEN
    RETURN CASE WHEN v_existing.account = p_account AND v_existing.profile = p_profile AND v_existing.state <> 'ended'
      THEN 'existing' ELSE 'conflict' END;
  END IF;
  v_now := "credits"."metering_now"();
  SELECT a.balance_micros - v_meter.unposted_micros INTO STRICT v_left FROM "credits"."account" a WHERE a.address = p_account;
  -- Sessions in grace count too: if there is anything to spend, their next heartbeat takes it.
  SELECT v_left - coalesce(sum(least(greatest("credits"."micros_between"(s.billed_through, v_now), 0), p_timeout_micros)
        * s.gpus), 0), coalesce(sum(s.gpus), 0) + p_gpus
    INTO v_left, v_gpus
    FROM "credits"."session" s WHERE s.account = p_account AND s.state <> 'ended';
  IF v_left < 60000000 * v_gpus THEN RETURN 'insufficient'; END IF;
  INSERT INTO "credits"."session" (id, account, profile, gpus, state, started_at, billed_through, last_beat_at, hour)
    VALUES (p_id, p_account, p_profile, p_gpus, 'running', v_now, v_now, v_now, date_trunc('hour', v_now, 'UTC'))
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    -- Somebody else took the id meanwhile, for another account: the meter of this one is locked by us.
    SELECT * INTO STRICT v_existing FROM "credits"."session" s WHERE s.id = p_id;
    RETURN CASE WHEN v_existing.account = p_account AND v_existing.profile = p_profile AND v_existing.state <> 'ended'
      THEN 'existing' ELSE 'conflict' END;
  END IF;
  UPDATE "credits"."meter" m
     SET live_sessions = m.live_sessions + 1,
         idle_micros = m.idle_micros + coalesce(greatest("credits"."micros_between"(m.idle_since, v_now), 0), 0),
         idle_since = NULL,
         -- Idle over a gap that no chain has vouched for yet: that stays to be added.
         gap_idle = m.gap_idle OR coalesce(m.idle_since <= (SELECT c.gap_at FROM "credits"."metering_clock" c), false),
         is_low = v_left <= p_low_minutes * 60000000 * v_gpus
   WHERE m.account = p_account;
  INSERT INTO "credits"."outbox_event" (kind, account, payload)
  SELECT 'session.started', p_account, jsonb_build_object('id', p_id, 'wallet', p_account, 'profile', p_profile,
      'gpus', p_gpus, 'state', 'running', 'endReason', NULL, 'startedAt', v_now, 'totalBilledMicros', '0')
  UNION ALL
  SELECT 'balance.low', p_account, jsonb_build_object('address', p_account, 'balanceMicros', v_left::text,
      'burnMicrosPerMinute', (v_gpus * 60000000)::text)
    WHERE NOT v_meter.is_low AND v_left <= p_low_minutes * 60000000 * v_gpus;
  RETURN 'created';
END $$;

-- The total time, up to a moment, in which an account had no live session. Pure.
CREATE OR REPLACE FUNCTION "credits"."plan_idle"(idle_micros bigint, idle_since timestamptz, now_seen timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT idle_micros + coalesce(greatest("credits"."micros_between"(idle_since, now_seen), 0), 0)
$$;

-- The step of the debt limit that a balance has reached: 0, 50, 80 or 100 percent. Pure.
CREATE OR REPLACE FUNCTION "credits"."plan_debt_percent"(balance_micros bigint, limit_micros bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN -balance_micros >= limit_micros THEN 100 WHEN -balance_micros::numeric * 10 >= limit_micros::numeric * 8 THEN 80
    WHEN -balance_micros::numeric * 2 >= limit_micros THEN 50 ELSE 0 END
$$;

-- Bills the stored volumes of some accounts up to now: for the time in which no session was live, each moment once, and
-- for at most `p_catch_up_micros` after a downtime of ours.
-- The price is p_rate_numerator / p_rate_denominator micros per GiB and hour.
CREATE OR REPLACE FUNCTION "credits"."accrue_storage"(
  p_accounts text[], p_rate_numerator numeric, p_rate_denominator numeric, p_catch_up_micros bigint, p_limit_micros bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_divisor numeric := p_rate_denominator * 3600000000 * 1073741824;
  v_billed bigint;
BEGIN
  PERFORM 1 FROM "credits"."meter" m WHERE m.account = ANY(p_accounts) ORDER BY m.account FOR UPDATE;
  SELECT n.now_seen INTO v_now
    FROM "credits"."metering_clock" c,
      LATERAL (SELECT "credits"."wall_clock"() - (c.skew_micros - c.vouched_micros) * interval '1 microsecond' AS now_seen) n
    WHERE abs("credits"."micros_between"(c.alive_at, n.now_seen)) <= 5000000;
  -- The clock cannot be trusted right now. Billing later is soon enough; nothing is lost.
  IF NOT FOUND THEN RETURN 0; END IF;
  WITH due AS (
    SELECT v.id, v.account, v.size_bytes, i.idle,
      least(i.idle - v.billed_idle_micros, p_catch_up_micros)::numeric * v.size_bytes * p_rate_numerator
        + mod(v.remainder, v_divisor) AS owed
    FROM "credits"."volume" v
    JOIN "credits"."meter" m ON m.account = v.account,
      LATERAL (SELECT "credits"."plan_idle"(m.idle_micros, m.idle_since, v_now) AS idle) i
    WHERE v.account = ANY(p_accounts) AND v.deleted_at IS NULL AND i.idle > v.billed_idle_micros
  ), billed AS MATERIALIZED (
    SELECT d.*, div(d.owed, v_divisor)::bigint AS micros, mod(d.owed, v_divisor) AS remainder FROM due d
  ), moved AS (
    UPDATE "credits"."volume" v
       SET billed_idle_micros = b.idle, remainder = b.remainder, total_billed_micros = v.total_billed_micros + b.micros
      FROM billed b WHERE v.id = b.id
  ), used AS (
    INSERT INTO "credits"."usage" (source, source_id, hour, account, micros)
    SELECT 'volume', b.id, date_trunc('hour', v_now, 'UTC'), b.account, b.micros FROM billed b WHERE b.micros > 0
    ON CONFLICT ON CONSTRAINT "usage_source_source_id_account_hour_pk"
      DO UPDATE SET micros = "credits"."usage".micros + excluded.micros
  ), totals AS (
    SELECT m.account, coalesce(sum(b.micros), 0)::bigint AS micros,
      "credits"."plan_debt_percent"(
        (min(a.balance_micros) - min(m.unposted_micros) - coalesce(sum(b.micros), 0))::bigint, p_limit_micros) AS percent,
      min(m.debt_percent) AS told_percent
    FROM "credits"."meter" m
    JOIN "credits"."account" a ON a.address = m.account
    LEFT JOIN billed b ON b.account = m.account
    WHERE m.account = ANY(p_accounts) GROUP BY m.account
  ), metered AS (
    UPDATE "credits"."meter" m SET unposted_micros = m.unposted_micros + t.micros, debt_percent = t.percent
      FROM totals t WHERE m.account = t.account AND (t.micros > 0 OR t.percent <> t.told_percent)
  ), told AS (
    INSERT INTO "credits"."outbox_event" (kind, account, payload)
    SELECT CASE step WHEN 100 THEN 'volume.prune_due' ELSE 'volume.debt_warning' END, v.account,
      jsonb_build_object('id', v.id, 'wallet', v.account, 'sizeBytes', v.size_bytes::text, 'debtPercent', step)
    FROM totals t
    JOIN "credits"."volume" v ON v.account = t.account AND v.deleted_at IS NULL
    CROSS JOIN unnest(ARRAY[50, 80, 100]) AS step
    WHERE step > t.told_percent AND step <= t.percent
    ORDER BY v.account, step, v.id
  )
  SELECT coalesce(sum(t.micros), 0) INTO v_billed FROM totals t;
  RETURN v_billed;
END $$;

-- A row of usage only grows, and no longer changes once it is posted to the ledger.
CREATE OR REPLACE FUNCTION "credits"."guard_usage"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.entry_id IS NOT NULL
     OR (NEW.source, NEW.source_id, NEW.hour, NEW.account) IS DISTINCT FROM (OLD.source, OLD.source_id, OLD.hour, OLD.account)
     OR NEW.micros < OLD.micros
  THEN
    RAISE EXCEPTION 'credits.usage %/% of % is kept, only grows, and not once it is posted', OLD.source, OLD.source_id, OLD.hour
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

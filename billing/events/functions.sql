-- The functions of events, as source: `migrate` applies this file whenever it has changed. billing/database/migrate.ts
-- says what a change may do while two releases run side by side. A function stands after those it calls.

-- Publishes events: gives each its place in the one order, one publisher at a time, and queues its delivery if there is a
-- receiver that is not disabled. Returns how many events it published; 0 also when another publisher is at work.
CREATE OR REPLACE FUNCTION "credits"."publish_events"(p_endpoint text, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_last bigint;
  v_count integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('credits.publish_events', 0)) THEN RETURN 0; END IF;
  SELECT coalesce(max(seq), 0) INTO v_last FROM "credits"."outbox_event";
  WITH next AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id FROM "credits"."outbox_event" WHERE seq IS NULL ORDER BY id LIMIT p_limit) unpublished
  ), published AS (
    UPDATE "credits"."outbox_event" e SET seq = v_last + n.place FROM next n WHERE e.id = n.id RETURNING e.id
  ), queued AS (
    INSERT INTO "credits"."webhook_delivery" (event_id, endpoint_id, state, next_attempt_at)
    SELECT p.id, w.id, 'pending', now() FROM published p JOIN "credits"."webhook_endpoint" w
      ON w.id = p_endpoint AND w.disabled_at IS NULL
    ON CONFLICT DO NOTHING
  )
  SELECT count(*) INTO v_count FROM published;
  IF v_count > 0 THEN PERFORM pg_notify('credits_published', ''); END IF;
  RETURN v_count;
END $$;

-- Notifies only if there is something to tell: transactions that notify commit one after another, and the statement of
-- every heartbeat contains an insert of events.
CREATE OR REPLACE FUNCTION "credits"."announce_events"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM told) THEN PERFORM pg_notify('credits_outbox', ''); END IF;
  RETURN NULL;
END $$;

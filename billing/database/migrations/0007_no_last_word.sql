ALTER TABLE "credits"."deposit" ADD COLUMN "seen_base_units" numeric(78, 0);--> statement-breakpoint
ALTER TABLE "credits"."deposit" ADD COLUMN "seen_wallet" text;--> statement-breakpoint
ALTER TABLE "credits"."deposit" ADD COLUMN "seen_token" text;--> statement-breakpoint
ALTER TABLE "credits"."deposit" ADD COLUMN "seen_by" text;--> statement-breakpoint
ALTER TABLE "credits"."deposit" ADD CONSTRAINT "deposit_seen_amount_is_positive" CHECK ("credits"."deposit"."seen_base_units" > 0);--> statement-breakpoint
ALTER TABLE "credits"."deposit" ADD CONSTRAINT "deposit_seen_by_is_known" CHECK ("credits"."deposit"."seen_by" in ('logs', 'traces', 'transactions'));--> statement-breakpoint
ALTER TABLE "credits"."chain_status" ADD COLUMN "searched_number" bigint;--> statement-breakpoint
CREATE TABLE "credits"."read_transaction" (
	"chain_id" bigint NOT NULL,
	"tx_hash" text NOT NULL,
	"block_hash" text NOT NULL,
	"seen_by" text NOT NULL,
	"read_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "read_transaction_chain_id_tx_hash_pk" PRIMARY KEY("chain_id","tx_hash"),
	CONSTRAINT "read_transaction_seen_by_is_known" CHECK ("credits"."read_transaction"."seen_by" in ('traces', 'transactions'))
);
--> statement-breakpoint
-- What older versions gave up for good is looked at again. A rail that was off rejected its deposits: they wait for it now.
UPDATE "credits"."deposit" SET "state" = 'held', "reason" = 'rail_disabled', "failures" = 0, "retry_at" = now(), "updated_at" = now()
  WHERE "state" = 'rejected';--> statement-breakpoint
-- And a look that did not find a payment in its block, or two days of looks, were the last.
UPDATE "credits"."deposit" SET "failures" = 0, "retry_at" = now()
  WHERE "state" in ('orphaned', 'reversed') AND "retry_at" IS NULL;--> statement-breakpoint
CREATE INDEX "deposit_credit_by_price_time" ON "credits"."deposit_credit" USING btree (((quote->'price'->'reading'->'block'->>'timestamp')::bigint)) WHERE quote->'price'->>'mode' = 'twap';--> statement-breakpoint
ALTER TABLE "credits"."meter" ADD COLUMN "grace_total_micros" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "credits"."meter" ADD COLUMN "gap_idle" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "credits"."session" ADD COLUMN "grace_micros" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "credits"."metering_clock" ADD COLUMN "vouched_micros" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "credits"."metering_clock" ADD COLUMN "gap_micros" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "credits"."metering_clock" ADD COLUMN "gap_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "credits"."volume" ADD COLUMN "sized_at" timestamp with time zone;--> statement-breakpoint
CREATE TABLE "credits"."grace_refill" (
	"deposit_id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"grace_total_micros" bigint NOT NULL,
	"refilled_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "grace_refill_is_not_negative" CHECK ("credits"."grace_refill"."grace_total_micros" >= 0)
);
--> statement-breakpoint
ALTER TABLE "credits"."grace_refill" ADD CONSTRAINT "grace_refill_deposit_id_deposit_id_fk" FOREIGN KEY ("deposit_id") REFERENCES "credits"."deposit"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credits"."grace_refill" ADD CONSTRAINT "grace_refill_account_account_address_fk" FOREIGN KEY ("account") REFERENCES "credits"."account"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "grace_refill_by_account" ON "credits"."grace_refill" USING btree ("account");--> statement-breakpoint
-- What was bought is added up with each heartbeat in grace.
CREATE INDEX "ledger_entry_bought" ON "credits"."ledger_entry" USING btree ("account","micros") WHERE "credits"."ledger_entry"."kind" in ('deposit', 'deposit_reversal');--> statement-breakpoint
-- Grace was counted in the time of sessions and is counted in that of GPUs now. How many each used is not known: as many as
-- the largest session of the account ever had, so never too little. It is put down to the newest session.
UPDATE "credits"."meter" m SET "grace_used_micros" = m."grace_used_micros" * s."gpus", "grace_total_micros" = m."grace_used_micros" * s."gpus"
  FROM (SELECT "account", max("gpus") AS "gpus" FROM "credits"."session" GROUP BY "account") s
  WHERE s."account" = m."account" AND m."grace_used_micros" > 0;--> statement-breakpoint
UPDATE "credits"."session" s SET "grace_micros" = m."grace_total_micros"
  FROM "credits"."meter" m
  WHERE m."grace_total_micros" > 0 AND s."id" = (
    SELECT n."id" FROM "credits"."session" n WHERE n."account" = m."account" ORDER BY n."started_at" DESC, n."id" DESC LIMIT 1);--> statement-breakpoint
-- Every deposit credited so far has refilled what it may, and does not do so again when it is credited anew.
INSERT INTO "credits"."grace_refill" ("deposit_id", "account", "grace_total_micros")
  SELECT "id", "payer", 0 FROM "credits"."deposit" WHERE "attempt" > 0;--> statement-breakpoint
ALTER TABLE "credits"."meter" ADD CONSTRAINT "meter_grace_used_is_of_all" CHECK ("credits"."meter"."grace_used_micros" <= "credits"."meter"."grace_total_micros");--> statement-breakpoint
ALTER TABLE "credits"."session" ADD CONSTRAINT "session_grace_is_not_negative" CHECK ("credits"."session"."grace_micros" >= 0);--> statement-breakpoint
ALTER TABLE "credits"."metering_clock" ADD CONSTRAINT "metering_clock_waits_for_nothing_less" CHECK ("credits"."metering_clock"."gap_micros" >= 0 and "credits"."metering_clock"."vouched_micros" >= 0);--> statement-breakpoint
CREATE TRIGGER "grace_refill_is_append_only" BEFORE UPDATE OR DELETE ON "credits"."grace_refill"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();--> statement-breakpoint
CREATE TRIGGER "grace_refill_is_not_truncated" BEFORE TRUNCATE ON "credits"."grace_refill"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
ALTER TABLE "credits"."indexer_cursor" ADD COLUMN "wallet" text;
--> statement-breakpoint
ALTER TABLE "credits"."chain_status" ADD COLUMN "job_problem" text;
--> statement-breakpoint
ALTER TABLE "credits"."chain_status" ADD COLUMN "eth_detection" text;
--> statement-breakpoint
CREATE TABLE "credits"."untraced_transaction" (
	"chain_id" bigint NOT NULL,
	"tx_hash" text NOT NULL,
	"block_number" bigint NOT NULL,
	"block_hash" text NOT NULL,
	"noted_at" timestamp with time zone DEFAULT now() NOT NULL,
	"retry_at" timestamp with time zone DEFAULT now() NOT NULL,
	"missing_wei" numeric(78, 0),
	"is_read" boolean DEFAULT false NOT NULL,
	CONSTRAINT "untraced_transaction_chain_id_tx_hash_pk" PRIMARY KEY("chain_id","tx_hash")
);
--> statement-breakpoint
CREATE INDEX "untraced_transaction_due" ON "credits"."untraced_transaction" USING btree ("chain_id","retry_at");

CREATE SCHEMA IF NOT EXISTS "credits";
--> statement-breakpoint
CREATE TABLE "credits"."account" (
	"address" text PRIMARY KEY NOT NULL,
	"balance_micros" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "account_address_is_lower_case" CHECK ("credits"."account"."address" ~ '^0x[0-9a-f]{40}$')
);
--> statement-breakpoint
CREATE TABLE "credits"."adjustment" (
	"idempotency_key" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"micros" bigint NOT NULL,
	"reason" text NOT NULL,
	"entry_id" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "adjustment_entry_id_unique" UNIQUE("entry_id")
);
--> statement-breakpoint
CREATE TABLE "credits"."ledger_entry" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "credits"."ledger_entry_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"account" text NOT NULL,
	"kind" text NOT NULL,
	"micros" bigint NOT NULL,
	"reference" text NOT NULL,
	"reverses_entry_id" bigint,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"event_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "ledger_entry_micros_is_not_zero" CHECK ("credits"."ledger_entry"."micros" <> 0),
	CONSTRAINT "ledger_entry_kind_is_known" CHECK ("credits"."ledger_entry"."kind" in ('deposit', 'deposit_reversal', 'adjustment')),
	CONSTRAINT "ledger_entry_reversal_names_its_entry" CHECK (("credits"."ledger_entry"."kind" = 'deposit_reversal') = ("credits"."ledger_entry"."reverses_entry_id" is not null))
);
--> statement-breakpoint
CREATE TABLE "credits"."chain_status" (
	"chain_id" bigint PRIMARY KEY NOT NULL,
	"head_number" bigint NOT NULL,
	"head_hash" text NOT NULL,
	"head_timestamp" timestamp with time zone NOT NULL,
	"head_changed_at" timestamp with time zone NOT NULL,
	"finalized_number" bigint NOT NULL,
	"anchor_number" bigint,
	"anchor_hash" text,
	"anchored_at" timestamp with time zone,
	"swept_number" bigint,
	"passed_at" timestamp with time zone NOT NULL,
	"problem" text
);
--> statement-breakpoint
CREATE TABLE "credits"."deposit" (
	"id" text PRIMARY KEY NOT NULL,
	"chain_id" bigint NOT NULL,
	"tx_hash" text NOT NULL,
	"rail" text NOT NULL,
	"payer" text NOT NULL,
	"state" text NOT NULL,
	"reason" text,
	"amount_base_units" numeric(78, 0) NOT NULL,
	"block_number" bigint NOT NULL,
	"block_hash" text NOT NULL,
	"block_timestamp" timestamp with time zone NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"credit_micros" bigint,
	"retry_at" timestamp with time zone,
	"failures" integer DEFAULT 0 NOT NULL,
	"final" boolean DEFAULT false NOT NULL,
	"first_seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"credited_at" timestamp with time zone,
	CONSTRAINT "deposit_key_is_unique" UNIQUE("chain_id","tx_hash","rail","payer"),
	CONSTRAINT "deposit_amount_is_positive" CHECK ("credits"."deposit"."amount_base_units" > 0),
	CONSTRAINT "deposit_is_credited_with_micros" CHECK (("credits"."deposit"."state" = 'credited') = ("credits"."deposit"."credit_micros" is not null)),
	CONSTRAINT "deposit_has_a_reason" CHECK (("credits"."deposit"."state" in ('held', 'rejected')) = ("credits"."deposit"."reason" is not null))
);
--> statement-breakpoint
CREATE TABLE "credits"."deposit_credit" (
	"deposit_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"entry_id" bigint NOT NULL,
	"reversal_entry_id" bigint,
	"amount_base_units" numeric(78, 0) NOT NULL,
	"micros" bigint NOT NULL,
	"quote" jsonb NOT NULL,
	"block_number" bigint NOT NULL,
	"block_hash" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "deposit_credit_deposit_id_attempt_pk" PRIMARY KEY("deposit_id","attempt"),
	CONSTRAINT "deposit_credit_entry_id_unique" UNIQUE("entry_id"),
	CONSTRAINT "deposit_credit_reversal_entry_id_unique" UNIQUE("reversal_entry_id"),
	CONSTRAINT "deposit_credit_micros_is_positive" CHECK ("credits"."deposit_credit"."micros" > 0)
);
--> statement-breakpoint
CREATE TABLE "credits"."indexer_cursor" (
	"chain_id" bigint NOT NULL,
	"indexer_schema" text NOT NULL,
	"block_number" bigint NOT NULL,
	CONSTRAINT "indexer_cursor_chain_id_indexer_schema_pk" PRIMARY KEY("chain_id","indexer_schema")
);
--> statement-breakpoint
CREATE TABLE "credits"."submitted_transaction" (
	"chain_id" bigint NOT NULL,
	"tx_hash" text NOT NULL,
	"submitted_at" timestamp with time zone DEFAULT now() NOT NULL,
	"retry_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "submitted_transaction_chain_id_tx_hash_pk" PRIMARY KEY("chain_id","tx_hash")
);
--> statement-breakpoint
CREATE TABLE "credits"."token" (
	"chain_id" bigint NOT NULL,
	"address" text NOT NULL,
	"symbol" text NOT NULL,
	"decimals" integer NOT NULL,
	CONSTRAINT "token_chain_id_address_pk" PRIMARY KEY("chain_id","address")
);
--> statement-breakpoint
CREATE TABLE "credits"."outbox_event" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "credits"."outbox_event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"account" text NOT NULL,
	"payload" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "credits"."adjustment" ADD CONSTRAINT "adjustment_entry_id_ledger_entry_id_fk" FOREIGN KEY ("entry_id") REFERENCES "credits"."ledger_entry"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credits"."ledger_entry" ADD CONSTRAINT "ledger_entry_account_account_address_fk" FOREIGN KEY ("account") REFERENCES "credits"."account"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credits"."ledger_entry" ADD CONSTRAINT "ledger_entry_reverses_entry_id_ledger_entry_id_fk" FOREIGN KEY ("reverses_entry_id") REFERENCES "credits"."ledger_entry"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credits"."deposit_credit" ADD CONSTRAINT "deposit_credit_deposit_id_deposit_id_fk" FOREIGN KEY ("deposit_id") REFERENCES "credits"."deposit"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credits"."deposit_credit" ADD CONSTRAINT "deposit_credit_entry_id_ledger_entry_id_fk" FOREIGN KEY ("entry_id") REFERENCES "credits"."ledger_entry"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "credits"."deposit_credit" ADD CONSTRAINT "deposit_credit_reversal_entry_id_ledger_entry_id_fk" FOREIGN KEY ("reversal_entry_id") REFERENCES "credits"."ledger_entry"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_entry_reference_is_unique" ON "credits"."ledger_entry" USING btree ("reference");--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_entry_is_reversed_at_most_once" ON "credits"."ledger_entry" USING btree ("reverses_entry_id");--> statement-breakpoint
CREATE INDEX "ledger_entry_by_account" ON "credits"."ledger_entry" USING btree ("account","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "deposit_newest" ON "credits"."deposit" USING btree ("block_number" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "deposit_by_payer" ON "credits"."deposit" USING btree ("payer","block_number" DESC NULLS LAST,"id");--> statement-breakpoint
CREATE INDEX "deposit_by_transaction" ON "credits"."deposit" USING btree ("tx_hash");--> statement-breakpoint
CREATE INDEX "deposit_open" ON "credits"."deposit" USING btree ("chain_id","block_number") WHERE "credits"."deposit"."state" in ('pending', 'held', 'orphaned', 'reversed');--> statement-breakpoint
CREATE INDEX "deposit_watched" ON "credits"."deposit" USING btree ("chain_id","block_number") WHERE "credits"."deposit"."state" = 'credited' and not "credits"."deposit"."final";--> statement-breakpoint
CREATE INDEX "deposit_below_minimum" ON "credits"."deposit" USING btree ("payer","rail") WHERE "credits"."deposit"."reason" = 'below_minimum';--> statement-breakpoint
CREATE UNIQUE INDEX "deposit_credit_stands_at_most_once" ON "credits"."deposit_credit" USING btree ("deposit_id") WHERE "credits"."deposit_credit"."reversal_entry_id" is null;--> statement-breakpoint
CREATE INDEX "outbox_event_by_account" ON "credits"."outbox_event" USING btree ("account","id");
CREATE TABLE "credits"."deposit_release" (
	"deposit_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"reason" text NOT NULL,
	"detail" text,
	"at_block_number" bigint NOT NULL,
	"at_block_hash" text NOT NULL,
	"deviation_accepted" boolean NOT NULL,
	"released_by" text NOT NULL,
	"note" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "deposit_release_deposit_id_attempt_pk" PRIMARY KEY("deposit_id","attempt")
);
--> statement-breakpoint
CREATE TABLE "credits"."pool" (
	"chain_id" bigint NOT NULL,
	"address" text NOT NULL,
	"token0" text NOT NULL,
	"token1" text NOT NULL,
	CONSTRAINT "pool_chain_id_address_pk" PRIMARY KEY("chain_id","address")
);
--> statement-breakpoint
CREATE TABLE "credits"."price" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "credits"."price_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"rail" text NOT NULL,
	"chain_id" bigint NOT NULL,
	"block_number" bigint NOT NULL,
	"block_hash" text NOT NULL,
	"block_timestamp" timestamp with time zone NOT NULL,
	"usd_per_unit" numeric(98, 18) NOT NULL,
	"source" text NOT NULL,
	"round_id" numeric(78, 0),
	"feed_updated_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "price_is_not_negative" CHECK ("credits"."price"."usd_per_unit" >= 0)
);
--> statement-breakpoint
ALTER TABLE "credits"."deposit" ADD COLUMN "detail" text;--> statement-breakpoint
ALTER TABLE "credits"."deposit_release" ADD CONSTRAINT "deposit_release_explains_a_credit" FOREIGN KEY ("deposit_id","attempt") REFERENCES "credits"."deposit_credit"("deposit_id","attempt") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "price_is_noted_once_a_block" ON "credits"."price" USING btree ("rail","block_hash","source");--> statement-breakpoint
CREATE INDEX "price_by_time" ON "credits"."price" USING btree ("rail","block_timestamp" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "deposit_credit_newest" ON "credits"."deposit_credit" USING btree ("created_at");--> statement-breakpoint
CREATE TRIGGER "deposit_release_is_append_only" BEFORE UPDATE OR DELETE ON "credits"."deposit_release"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "deposit_release_is_not_truncated" BEFORE TRUNCATE ON "credits"."deposit_release"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "price_is_append_only" BEFORE UPDATE OR DELETE ON "credits"."price"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "price_is_not_truncated" BEFORE TRUNCATE ON "credits"."price"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();

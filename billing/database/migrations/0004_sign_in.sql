CREATE TABLE "credits"."sign_in_challenge" (
	"message_hash" text PRIMARY KEY NOT NULL,
	"address" text NOT NULL,
	"chain_id" bigint NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "sign_in_challenge_by_expiry" ON "credits"."sign_in_challenge" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "wallet_token_by_address" ON "credits"."wallet_token" USING btree ("address","expires_at");
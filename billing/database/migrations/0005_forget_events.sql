CREATE TABLE "credits"."outbox_forgotten" (
	"one" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"through_seq" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "outbox_forgotten_is_one" CHECK ("credits"."outbox_forgotten"."one")
);

--> statement-breakpoint
INSERT INTO "credits"."outbox_forgotten" DEFAULT VALUES;

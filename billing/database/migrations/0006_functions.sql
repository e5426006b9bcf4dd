CREATE TABLE "credits"."applied_functions" (
	"one" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"sha256" text NOT NULL,
	"applied_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "applied_functions_is_one" CHECK ("credits"."applied_functions"."one")
);

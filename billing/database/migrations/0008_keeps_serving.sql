CREATE TABLE "credits"."passed_check" (
	"what" text PRIMARY KEY NOT NULL,
	"passed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "passed_check_is_known" CHECK ("credits"."passed_check"."what" in ('verify', 'reconcile'))
);

-- What no code may do, whoever runs it and however often: the database itself refuses.

CREATE FUNCTION "credits"."refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'credits.% is append-only: % refused; correct it by a new, opposite entry', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER "ledger_entry_is_append_only" BEFORE UPDATE OR DELETE ON "credits"."ledger_entry"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "ledger_entry_is_not_truncated" BEFORE TRUNCATE ON "credits"."ledger_entry"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "adjustment_is_append_only" BEFORE UPDATE OR DELETE ON "credits"."adjustment"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "adjustment_is_not_truncated" BEFORE TRUNCATE ON "credits"."adjustment"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "deposit_credit_is_kept" BEFORE DELETE ON "credits"."deposit_credit"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "deposit_credit_is_not_truncated" BEFORE TRUNCATE ON "credits"."deposit_credit"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
-- The one change a credit may see: that it was reversed, once, or that its unchanged transaction moved to another block.
CREATE FUNCTION "credits"."guard_deposit_credit"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.reversal_entry_id IS NOT NULL
     OR (NEW.deposit_id, NEW.attempt, NEW.entry_id, NEW.amount_base_units, NEW.micros, NEW.quote, NEW.created_at)
        IS DISTINCT FROM
        (OLD.deposit_id, OLD.attempt, OLD.entry_id, OLD.amount_base_units, OLD.micros, OLD.quote, OLD.created_at)
  THEN
    RAISE EXCEPTION 'credits.deposit_credit %/% may only be reversed, once, or follow its transaction to another block',
      OLD.deposit_id, OLD.attempt USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "deposit_credit_changes_only_by_reversal" BEFORE UPDATE ON "credits"."deposit_credit"
  FOR EACH ROW EXECUTE FUNCTION "credits"."guard_deposit_credit"();
--> statement-breakpoint
CREATE TRIGGER "deposit_is_kept" BEFORE DELETE ON "credits"."deposit"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "deposit_is_not_truncated" BEFORE TRUNCATE ON "credits"."deposit"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
-- A reversal takes back exactly what its entry gave, from the same account.
CREATE FUNCTION "credits"."guard_reversal"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  reversed "credits"."ledger_entry";
BEGIN
  SELECT * INTO reversed FROM "credits"."ledger_entry" WHERE id = NEW.reverses_entry_id;
  IF reversed.account IS DISTINCT FROM NEW.account OR reversed.micros IS DISTINCT FROM -NEW.micros THEN
    RAISE EXCEPTION 'entry % does not reverse entry %', NEW.reference, NEW.reverses_entry_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "ledger_entry_reversal_is_exact" BEFORE INSERT ON "credits"."ledger_entry"
  FOR EACH ROW WHEN (NEW.reverses_entry_id IS NOT NULL) EXECUTE FUNCTION "credits"."guard_reversal"();
--> statement-breakpoint
-- The balance follows the entries by itself: whoever posts can not forget it, and nobody else can write it.
CREATE FUNCTION "credits"."add_entries_to_balances"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "credits"."account" AS a
     SET balance_micros = a.balance_micros + s.micros
    FROM (SELECT account, sum(micros) AS micros FROM posted GROUP BY account) AS s
   WHERE a.address = s.account;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "ledger_entry_moves_balance" AFTER INSERT ON "credits"."ledger_entry"
  REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."add_entries_to_balances"();
--> statement-breakpoint
CREATE FUNCTION "credits"."guard_account"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.balance_micros <> 0 THEN
      RAISE EXCEPTION 'account % must begin at 0', NEW.address USING ERRCODE = 'check_violation';
    END IF;
  ELSIF NEW.balance_micros <> OLD.balance_micros AND pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'the balance of % changes only by a ledger entry', OLD.address USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "account_balance_is_guarded" BEFORE INSERT OR UPDATE ON "credits"."account"
  FOR EACH ROW EXECUTE FUNCTION "credits"."guard_account"();
--> statement-breakpoint
CREATE TRIGGER "account_is_kept" BEFORE DELETE ON "credits"."account"
  FOR EACH ROW EXECUTE FUNCTION "credits"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "account_is_not_truncated" BEFORE TRUNCATE ON "credits"."account"
  FOR EACH STATEMENT EXECUTE FUNCTION "credits"."refuse_change"();

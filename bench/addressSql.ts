/**
 * The address of account number n in a filled ledger, as an SQL expression: spread over the whole index, as real
 * addresses are.
 */
export const addressSql = (n: string) =>
  `'0x' || substr(md5('account ' || ${n}) || md5('rest ' || ${n}), 1, 40)`

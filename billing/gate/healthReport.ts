/** One thing that /health/ready looked at. `detail` is one sentence that says by how much, without secrets or internals. */
export interface HealthCheck {
  status: 'ok' | 'failing'
  detail: string
}

/**
 * What /health/ready answers, in the order an operator asks: is the database there, do the RPCs move, does the indexer
 * keep up, does the gate pass. Keys of the three records are chain ids in decimal. The service is ready when every
 * check is `ok`.
 */
export interface HealthReport {
  checks: {
    database: HealthCheck
    rpc: Record<string, HealthCheck>
    indexer: Record<string, HealthCheck>
    gate: Record<string, HealthCheck>
  }
}

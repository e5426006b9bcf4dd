/** The least environment that the service starts with, on a local chain; keys and URLs are made up. */
export const completeEnv: Readonly<Record<string, string>> = {
  RAILS: 'eth:31337',
  RPC_URL_31337: 'http://127.0.0.1:8545',
  START_BLOCK_31337: '0',
  REVENUE_WALLET: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  SERVICE_API_KEY: 'service-key-0123456789-0123456789',
  ADMIN_API_KEY: 'admin-key-0123456789-0123456789-01',
}

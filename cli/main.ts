import { existsSync } from 'node:fs'
import { runCli } from './runCli.ts'

// The operator's CLI, `npm run credits -- …`. The environment takes precedence over .env, as for the service.
if (existsSync('.env')) process.loadEnvFile('.env')

// A reader that stops early, such as `head`, is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const interactive = process.stderr.isTTY === true
const code = await runCli(process.argv.slice(2), {
  env: process.env,
  interactive,
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
  progress: (line) => {
    if (interactive) process.stderr.write(`\r\x1b[K${line}`)
  },
})

// A WebSocket to an RPC would keep the process alive, so it exits explicitly, once all output is flushed.
await new Promise((resolve) => process.stdout.write('', resolve))
process.exit(code)

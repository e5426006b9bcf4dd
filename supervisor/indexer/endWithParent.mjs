// Loaded into the indexer before anything else (`node --import`). Plain JavaScript, because the indexer has its own
// loader.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Worker } from 'node:worker_threads'

// Without the supervisor nobody would restart or stop it, so it ends when the channel closes, for whatever reason.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGINT'))
  // The channel alone must not keep the process alive.
  process.channel.unref()
  // If its database is gone too, the indexer's shutdown can loop on settled promises forever, and no timer or event of
  // this thread ever runs. A second thread has its own event loop, and kills the process after three seconds.
  new Worker(
    `const { workerData: supervisor } = require('node:worker_threads')
    const look = setInterval(() => {
      if (process.ppid === supervisor) return
      clearInterval(look)
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 3_000)
    }, 500)`,
    // Read here: by the time the other thread runs, the supervisor may already be gone.
    { eval: true, execArgv: [], workerData: process.ppid },
  ).unref()
}

// Ponder writes its type declarations into the checkout at every start. They are committed here, and the checkout may be
// read-only: an image, a folder of another user.
const write = fs.writeFileSync
fs.writeFileSync = (path, ...rest) => {
  if (typeof path === 'string' && path.endsWith('ponder-env.d.ts')) return
  write(path, ...rest)
}
syncBuiltinESMExports()

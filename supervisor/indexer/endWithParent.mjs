// Loaded into the indexer before anything else (`node --import`). Plain JavaScript: the indexer brings its own loader.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Worker } from 'node:worker_threads'

// Without the supervisor there is nobody to restart or stop it: it ends when the channel closes, however that came.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGINT'))
  // The channel alone must not keep the process alive.
  process.channel.unref()
  // With its database gone at the same moment, the indexer's shutdown can go round in settled promises for ever, where no
  // timer and no event of this thread gets a turn. Another thread has its own, and kills after three seconds.
  new Worker(
    `const { workerData: supervisor } = require('node:worker_threads')
    const look = setInterval(() => {
      if (process.ppid === supervisor) return
      clearInterval(look)
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 3_000)
    }, 500)`,
    // Asked here: by the time the other thread runs, the supervisor may be gone already.
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

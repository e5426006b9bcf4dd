import { connect, type Socket } from 'node:net'

/** One answer, as received. */
export interface Answer {
  status: number
  body: string
}

/** One keep-alive connection that sends one request at a time. */
export interface Lane {
  /** @throws when a request is under way, or the connection ends before the answer is complete. */
  post(request: Buffer): Promise<Answer>
  close(): void
}

const HEAD_END = '\r\n\r\n'
const LAST_CHUNK = '\r\n0\r\n\r\n'

/**
 * A connection that speaks just enough HTTP/1.1: a real client would use as much CPU as what it measures, on the same two
 * cores. Opened by the first request, and reopened by the next one after the server has closed an idle connection.
 */
export function openLane(url: URL): Lane {
  let socket: Socket | null = null
  let waiting: { answer: (answer: Answer) => void; fail: (error: Error) => void } | null = null
  let received: Buffer[] = []
  let missing = 0

  function receive(chunk: Buffer): void {
    // Unrequested data is the server announcing that it closes.
    if (waiting === null) return
    received.push(chunk)
    missing -= chunk.length
    if (missing > 0) return
    const answer = parse(Buffer.concat(received))
    if (typeof answer === 'number') {
      missing = answer
      return
    }
    const { answer: give } = waiting
    waiting = null
    received = []
    missing = 0
    give(answer)
  }

  function open(): Socket {
    const opened = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    opened.on('data', receive)
    opened.on('error', () => opened.destroy())
    opened.on('close', () => {
      socket = null
      waiting?.fail(new Error('the server closed the connection'))
    })
    return opened
  }

  return {
    post: (request) =>
      new Promise((answer, fail) => {
        if (waiting !== null) return fail(new Error('a request is under way'))
        waiting = { answer, fail }
        socket ??= open()
        socket.write(request)
      }),
    close: () => socket?.destroy(),
  }
}

/** The answer, or the least number of bytes still to come. */
function parse(bytes: Buffer): Answer | number {
  const end = bytes.indexOf(HEAD_END)
  if (end === -1) return 1
  const head = bytes.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const from = end + HEAD_END.length
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  if (length !== undefined) {
    const missing = from + Number(length) - bytes.length
    return missing > 0 ? missing : { status, body: bytes.toString('utf8', from) }
  }
  if (!/^transfer-encoding: *chunked/im.test(head)) throw new Error(`no length in ${head}`)
  // Not decoded: callers only check whether it is an answer.
  const isWhole = bytes.subarray(-LAST_CHUNK.length).toString('latin1') === LAST_CHUNK
  return isWhole ? { status, body: bytes.toString('utf8', from) } : 1
}

import { z } from 'zod'

const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.string(),
  detail: z.string(),
})

/** The status and code of an answer that must be a well-formed problem. */
export async function statusAndCode(answer: Response): Promise<[number, string]> {
  if (answer.headers.get('Content-Type') !== 'application/problem+json') {
    throw new Error(`not a problem: ${answer.status} ${answer.headers.get('Content-Type')}`)
  }
  const body = problem.parse(await answer.json())
  if (body.status !== answer.status)
    throw new Error(`the body says ${body.status}, the answer ${answer.status}`)
  return [answer.status, body.code]
}

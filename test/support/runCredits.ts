import { runCli } from '../../cli/runCli.ts'

/** Runs a command line of `credits` in this process, with only these settings; what it printed and complained, and its exit code. */
export async function runCredits(args: string[], env: Record<string, string>) {
  const printed: string[] = []
  const complained: string[] = []
  const code = await runCli(args, {
    env,
    interactive: false,
    print: (line) => printed.push(line),
    complain: (line) => complained.push(line),
    progress: () => {},
  })
  return { code, out: printed.join('\n'), err: complained.join('\n') }
}

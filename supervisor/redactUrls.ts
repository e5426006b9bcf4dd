/**
 * Takes everything out of a text that may be a secret in an URL: user, password, path and query. Providers put their keys
 * there, and libraries put URLs into error messages. Scheme and host stay, so that a reader knows which one it was.
 */
export function redactUrls(text: string): string {
  return text.replace(
    /\b((?:https?|wss?|postgres(?:ql)?):\/\/)([^\s"'`<>\\]+)/gi,
    (_url, scheme: string, rest: string) => {
      const authority = rest.split(/[/?#]/, 1)[0] ?? ''
      const host = authority.slice(authority.lastIndexOf('@') + 1)
      return `${scheme}${host}${rest.length > authority.length ? '/…' : ''}`
    },
  )
}

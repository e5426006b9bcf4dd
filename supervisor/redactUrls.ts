/**
 * Removes from a text every part of a URL that may be secret: user, password, path and query. Providers put their keys
 * there, and libraries put URLs into error messages. Scheme and host stay, so that a reader can tell which provider it
 * was.
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

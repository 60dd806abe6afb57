/**
 * Text of others, made safe to show: what agents remember and peers say may hold anything. Control characters,
 * line ends and the marks that turn the direction of writing are shown as escapes, so that nothing
 * can break a line, hide itself or make its neighbours read backwards.
 */
export function plain(text: string): string {
  // Cc control, Cf format (the directional marks are of it), Zl and Zp separators, Cs lone surrogates.
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, mark => `\\u${mark.codePointAt(0)?.toString(16).padStart(4, '0')}`)
}

/** Plain text between tags, or in an attribute in quotes, of HTML and XML. */
export function escaped(text: string): string {
  return plain(text).replace(/[&<>"']/g, mark => `&#${mark.charCodeAt(0)};`)
}

/** At most `length` characters, with an ellipsis for the rest; never half of one. */
export function shortened(text: string, length: number): string {
  if (text.length <= length) return text
  return `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** JSON for a script element: nothing in it can end the element, or mislead somebody who reads the source of the page. */
export function embedded(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    mark => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** `12.345 s`, for a title or a list. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`
}

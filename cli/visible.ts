import { randomUUID } from 'node:crypto'

/**
 * Stands for the escape character of our own colours until text is written. What others wrote cannot hold it: it is
 * another one in every process.
 */
export const OWN_ESCAPE: string = `\u001b${randomUUID()}`

/**
 * Text as people are shown it. What agents remember and peers say may hold anything: control characters, which
 * terminals obey, marks that turn the direction of writing, and what nobody sees are shown as `\u001b`, `\u202e` and `\u200b`.
 * Lines, tabs and our own colours stay.
 */
export function visible(text: string): string {
  return text.split(OWN_ESCAPE).map(escaped).join('\u001b')
}

/** For a place that is one line, like a key: its ends of lines are shown, so that nobody adds a line of his own to what we say. */
export function oneLine(text: string): string {
  return text.replace(/\r?\n/g, String.raw`\n`)
}

/**
 * C0 but for tabs and ends of lines, DEL, C1, and the overrides and isolates of Unicode's bidirectional algorithm; the two separators end
 * lines in some programs. What has no width (zero-width space, word joiner and its neighbours, byte order mark) and tags, which
 * repeat all of ASCII unseen, hide from people what a model reads. The two joiners stay: scripts and emoji are written with them.
 */
// oxlint-disable-next-line no-control-regex
const OBEYED = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]|\r(?!\n)/gu

function escaped(text: string): string {
  return text.replace(OBEYED, mark => {
    const digits = (mark.codePointAt(0) as number).toString(16)
    return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`
  })
}

/** Where a memory is named in words, so that whoever copies it copies this too. */
const MARK = /weft:\/\/memory\/([0-9a-f]{8,64})(?![0-9a-f])/g

/** A line that holds nothing but such a name, and what recall says around it. */
const MARK_LINE = /^[^\p{L}\p{N}]*weft:\/\/memory\/[0-9a-f]{8,64}(?![0-9a-f])[^\n]*$/u

/** The name of a memory that goes with its text wherever it is shown: by it a copy is known as one. */
export function markOf(id: string): string {
  return `weft://memory/${id}`
}

/** An id as it is, of one that is written as it is shown: as a mark, or in capitals. */
export function withoutMark(id: string): string {
  return id.replace(markOf(''), '').toLowerCase()
}

/** The ids, or their beginnings, of the memories that a text names as recalled, each once, in their order. */
export function marksIn(text: string): string[] {
  return [...new Set([...text.matchAll(MARK)].map(match => match[1] as string))]
}

/**
 * A text without what recalling adds to it: lines that begin with the name of a memory, the mark of quotation in front
 * of each line, and differences in space. What is left is what somebody once wrote; where nothing is left, the text itself.
 */
export function bareText(text: string): string {
  return bareOf(text) || text
}

function bareOf(text: string): string {
  if (!text.includes('\n') && !text.includes('>') && !text.includes('weft://')) return collapsed(text)
  const lines = text
    .split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/)
    .map(line => line.replace(/^\s*>(?: |$)/, '').trim())
    .filter(line => line !== '' && !MARK_LINE.test(line))
  return collapsed(lines.join(' '))
}

/** Most texts have nothing to collapse, and are looked at once. */
const UNEVEN = /^\s|\s$|\s\s|[^\S ]/

function collapsed(text: string): string {
  return !UNEVEN.test(text) ? text : text.replace(/\s+/g, ' ').trim()
}

/** How wide text is about to be, in pixels of a plain sans serif at 13 px: a little more than it is, so that nothing sticks out. */
export function widthOf(text: string): number {
  let width = 0
  for (const mark of text)
    width += /[\u1100-\uffdc\u{1f000}-\u{3ffff}]/u.test(mark)
      ? 14
      : /[mwMW@%—]/.test(mark)
        ? 12.5
        : /[A-Z0-9]/.test(mark)
          ? 9.2
          : /[iljtfr.,:;'|!()[\] ]/.test(mark)
            ? 5.2
            : 8
  return width
}

/** Lines no wider than `width`, at most `max`; the last one ends in an ellipsis where there is more. */
export function linesOf(text: string, width: number, max: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text
    .split(/\s+/)
    .filter(part => part !== '')
    .flatMap(part => pieces(part, width))) {
    const longer = line === '' ? word : `${line} ${word}`
    if (widthOf(longer) <= width) {
      line = longer
      continue
    }
    lines.push(line)
    line = word
    if (lines.length === max) break
  }
  if (lines.length < max && line !== '') lines.push(line)
  else if (lines.length === max && line !== '') {
    let last = lines[max - 1] as string
    while (last !== '' && widthOf(`${last}…`) > width) last = [...last].slice(0, -1).join('')
    lines[max - 1] = `${last.trimEnd()}…`
  }
  return lines
}

/** A word that is too wide by itself is broken. */
function pieces(word: string, width: number): readonly string[] {
  if (widthOf(word) <= width) return [word]
  const parts: string[] = []
  let part = ''
  for (const mark of word) {
    if (widthOf(part + mark) > width) {
      parts.push(part)
      part = ''
    }
    part += mark
  }
  return part === '' ? parts : [...parts, part]
}

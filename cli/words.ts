/**
 * The words of a line, as a shell splits them: `'...'` as it stands, `"..."` with `\"` and `\\`, a backslash before one character. Nothing
 * is expanded.
 *
 * @returns undefined when a quote is not closed
 */
export function wordsIn(line: string): readonly string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string
    if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (character === quote) {
      quote = ''
    } else if (quote === '' && (character === "'" || character === '"')) {
      quote = character
      word ??= ''
    } else if (character === '\\' && quote !== "'" && (quote === '' || /["\\]/.test(line[at + 1] ?? ''))) {
      word = `${word ?? ''}${line[++at] ?? ''}`
    } else {
      word = `${word ?? ''}${character}`
    }
  }
  if (quote !== '') return undefined
  return word === undefined ? words : [...words, word]
}

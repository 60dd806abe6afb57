import { FAULT_WORDS } from './fault-text.ts'

/**
 * `30s: crash n2 { torn: true }` and `delay: exp(2ms,20ms)` read well and are no YAML: a colon inside of a plain text, a
 * comma inside of a flow. So before the YAML library sees them, such texts are put in quotes, which they could
 * have been written in. Lines stay what they were; whatever is quoted, commented or folded already is left alone.
 */
export function quoteFaults(text: string): string {
  return new Quoter(text).quote()
}

const FAULT = new RegExp(`(?:${FAULT_WORDS.join('|')})(?=[\\s,\\]}]|$)(?!\\s*:)`, 'y')
const CALL = /[a-z]+\(/y
const BLOCK_TEXT = /[|>][-+0-9]*[ \t]*(?:#.*)?(?=\r?\n|$)/y

class Quoter {
  readonly #text: string
  #out = ''
  #at = 0
  /** Brackets and braces that are open. */
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  quote(): string {
    while (this.#at < this.#text.length) this.#line()
    return this.#out
  }

  /** From its beginning to its end, or to that of the last one that it is continued on. */
  #line(): void {
    const began = this.#at
    this.#copy(/[ \t]*/y)
    const indent = this.#at - began
    while (this.#copy(/-[ \t]+/y));
    this.#node(indent)
    this.#copy(/\r?\n/y)
  }

  /** What stands where a key or a value may begin, and all that follows it on its line. */
  #node(indent: number): void {
    while (this.#at < this.#text.length) {
      this.#copy(this.#depth === 0 ? /[ \t]*/y : /\s*/y)
      if (this.#copy(/#.*/y)) continue
      if (this.#sees(/\r?\n|$/y)) return
      if (this.#copy(/"(?:[^"\\]|\\[\s\S])*"?|'(?:[^']|'')*'?/y)) continue
      if (this.#copy(/[[{]/y)) this.#depth++
      else if (this.#copy(/[\]}]/y)) this.#depth = Math.max(0, this.#depth - 1)
      else if (this.#copy(/,|:(?=\s|$)/y)) continue
      else if (this.#depth === 0 && this.#sees(BLOCK_TEXT)) return this.#blockText(indent)
      else if (this.#sees(FAULT) || this.#sees(CALL)) this.#wrap()
      else this.#plain()
    }
  }

  /** A text without quotes, up to where it ends in YAML. */
  #plain(): void {
    this.#copy(this.#depth === 0 ? /(?:(?!:\s|:$|\s#)[^\r\n])+/y : /(?:(?!:\s|:[,[\]{}]|\s#)[^\r\n,[\]{}])+/y) || this.#copy(/[\s\S]/y)
  }

  /** Puts in quotes what begins here: up to the end of the line, or of its place in a flow, but never in the middle of its own brackets. */
  #wrap(): void {
    const began = this.#at
    let open = 0
    for (; this.#at < this.#text.length; this.#at++) {
      const letter = this.#text[this.#at] as string
      if ('[{('.includes(letter)) open++
      else if (open > 0 && ']})'.includes(letter)) open--
      else if (open === 0 && (letter === '\n' || (this.#depth > 0 && ',]}'.includes(letter)))) break
      else if (letter === '#' && /\s/.test(this.#text[this.#at - 1] ?? '')) break
    }
    // Brackets that are never closed are one mistake, and not to swallow the rest of the file.
    if (open > 0) this.#at = began + (/^[^\r\n]*/.exec(this.#text.slice(began))?.[0] ?? '').length
    const taken = this.#text.slice(began, this.#at)
    const fault = taken.trimEnd()
    this.#out += `'${fault.replaceAll("'", "''")}'${taken.slice(fault.length)}`
  }

  /** `about: >` and the deeper lines that follow. */
  #blockText(indent: number): void {
    this.#copy(BLOCK_TEXT)
    while (this.#copy(new RegExp(`\\r?\\n(?:[ \\t]*(?=\\r?\\n|$)|[ ]{${indent + 1},}.*)`, 'y')));
  }

  #sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    return pattern.test(this.#text)
  }

  /** @returns whether there was something to copy */
  #copy(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    const [text = ''] = pattern.exec(this.#text) ?? []
    this.#out += text
    this.#at += text.length
    return text.length > 0
  }
}

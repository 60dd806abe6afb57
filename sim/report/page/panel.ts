import { plain, seconds } from '../plain-text.ts'
import type { Browser, Element } from './browser.ts'
import type { RunModel } from './run-model.ts'

/** Beside the picture: what the chosen event is, what led to it, and what came of it. Texts of others only ever become text. */
export class Panel {
  readonly #browser: Browser
  readonly #place: Element
  readonly #model: RunModel
  readonly #choose: (id: number) => void
  /** What is shown while nothing is chosen. */
  readonly #idle: readonly Element[]

  constructor(browser: Browser, place: Element, model: RunModel, choose: (id: number) => void) {
    this.#browser = browser
    this.#place = place
    this.#model = model
    this.#choose = choose
    this.#idle = Array.from(place.children)
  }

  /** @param marks as `RunModel.marks` has them for `id` */
  show(id: number, marks: Uint8Array | undefined): void {
    const event = this.#model.events[id]
    if (event === undefined || marks === undefined) return this.#place.replaceChildren(...this.#idle)
    const facts = this.#make('dl')
    const rows: readonly (readonly [string, string])[] = [
      ['time', seconds(event.atMs)],
      ['node', event.node ?? 'the wires'],
      ...Object.entries(event.fields).map(([name, value]) => [name, String(value)] as const),
    ]
    for (const [name, value] of rows) facts.append(this.#make('dt', name), this.#make('dd', value))
    const close = this.#make('button', 'Close')
    close.addEventListener('click', () => this.#choose(-1))
    const past = marks.filter(mark => mark === 1).length
    const future = marks.filter(mark => mark === 2).length
    const chain = this.#model.chain(id, 24)
    const effects = this.#model.effects(id)
    this.#place.replaceChildren(
      this.#make('h2', `${event.kind}: ${event.what}`),
      facts,
      this.#make('p', `${past} events in its causal past, ${future} in its future.`, 'cones'),
      this.#make('h3', 'What led to it, nearest first'),
      this.#list(chain, 'Nothing that was recorded.'),
      this.#make('h3', 'What came of it at once'),
      this.#list(effects, 'Nothing that was recorded.'),
      close,
    )
  }

  #list(ids: readonly number[], none: string): Element {
    if (ids.length === 0) return this.#make('p', none, 'none')
    const list = this.#make('ol')
    for (const id of ids) {
      const item = this.#make('li')
      const button = this.#make('button', this.describe(id), 'jump')
      button.addEventListener('click', () => this.#choose(id))
      item.append(button)
      list.append(item)
    }
    return list
  }

  /** An event in a line. */
  describe(id: number): string {
    const event = this.#model.events[id]
    if (event === undefined) return ''
    const { from, to, bytes, ms } = event.fields
    const way = from !== undefined ? ` from ${from}` : to !== undefined ? ` to ${to}` : ''
    const size = typeof bytes === 'number' ? `, ${bytes} B` : ''
    const took = typeof ms === 'number' ? `, ${ms.toFixed(3)} ms` : ''
    return plain(`${seconds(event.atMs)} ${event.node ?? 'wires'} ${event.kind} ${event.what}${way}${size}${took}`)
  }

  #make(tag: string, text: string = '', className: string = ''): Element {
    const element = this.#browser.document.createElement(tag)
    if (text !== '') element.textContent = plain(text)
    if (className !== '') element.className = className
    return element
  }
}

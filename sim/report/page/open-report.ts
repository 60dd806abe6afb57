import type { RunEvent } from '../event.ts'
import type { Report } from '../report.ts'
import type { Browser, Element, Key } from './browser.ts'
import { type Focus, Painter } from './painter.ts'
import { Panel } from './panel.ts'
import { RunModel } from './run-model.ts'
import { TimeAxis } from './time-axis.ts'

/** What the page carries with it. */
export interface Carried {
  readonly report: Report
  readonly events: readonly RunEvent[]
}

/** Brings the page to life: until it runs, and where no script may, the page shows the still picture. */
export function openReport(browser: Browser): void {
  const { document } = browser
  const at = (id: string): Element => document.getElementById(id) as Element
  const { report, events } = JSON.parse(at('data').textContent ?? '') as Carried
  at('still').hidden = true
  at('live').hidden = false
  const board = new Board(browser, new RunModel(report, events), at)
  document.documentElement.dataset['ready'] = 'yes'
  for (const button of document.querySelectorAll('[data-jump]')) {
    button.addEventListener('click', () => board.jump(Number(button.dataset['jump']), button.dataset['what'] ?? ''))
  }
  const copy = at('copy')
  copy.addEventListener('click', () => {
    const done = (): void => {
      copy.textContent = 'Copied'
    }
    // A page from a file may not use the clipboard everywhere: then the command is selected, to be copied by hand.
    const select = (): void => {
      browser.getSelection()?.selectAllChildren(at('replay'))
      copy.textContent = 'Selected'
    }
    if (browser.navigator.clipboard === undefined) select()
    else browser.navigator.clipboard.writeText(at('replay').textContent ?? '').then(done, select)
  })
}

/** What the pointer is doing since it went down: moving the picture, choosing a stretch of time, or the part in view. */
interface Drag {
  readonly how: 'move' | 'stretch' | 'overview'
  readonly fromX: number
  lastX: number
  isClick: boolean
}

/** The picture with everything that moves it: pointer, keys, filters. */
export class Board {
  readonly #browser: Browser
  readonly #model: RunModel
  readonly #painter: Painter
  readonly #panel: Panel
  readonly #axis: TimeAxis
  readonly #at: (id: string) => Element
  readonly #canvas: Element
  readonly #hidden: Set<string> = new Set()
  #focus: Focus = { selected: -1, hovered: -1, marks: undefined }
  #isDue = false
  #drag: Drag | undefined

  constructor(browser: Browser, model: RunModel, at: (id: string) => Element) {
    this.#browser = browser
    this.#model = model
    this.#at = at
    this.#canvas = at('timeline')
    this.#axis = new TimeAxis(Math.min(0, model.atMs[0] ?? 0), Math.max(model.report.virtualMs, model.atMs.at(-1) ?? 0))
    this.#painter = new Painter(browser, this.#canvas, model, this.#axis)
    this.#panel = new Panel(browser, at('panel'), model, id => this.choose(id))
    this.#listen()
    this.#filter()
    this.#fit()
  }

  /** Chooses an event and brings it into view; -1 chooses nothing. */
  choose(id: number): void {
    const marks = id === -1 ? undefined : this.#model.marks(id)
    this.#focus = { selected: id, hovered: -1, marks }
    if (id !== -1) this.#axis.reveal(this.#model.atMs[id] ?? 0)
    this.#panel.show(id, marks)
    this.#redraw()
  }

  /** Shows a moment from near by, and chooses what is said to have happened then. */
  jump(ms: number, what: string): void {
    const span = Math.min(2_000, this.#axis.endMs - this.#axis.startMs)
    this.#axis.show(ms - span / 2, ms + span / 2)
    const ids = this.#model.events.filter(event => event.what === what && Math.abs(event.atMs - ms) < 1)
    this.choose(ids.at(-1)?.id ?? -1)
    this.#canvas.scrollIntoView({ block: 'nearest' })
    this.#canvas.focus({ preventScroll: true })
  }

  // ---- drawing

  #fit(): void {
    this.#painter.fit(this.#hidden)
    this.#redraw()
  }

  #redraw(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#browser.requestAnimationFrame(() => {
      this.#isDue = false
      this.#painter.paint(this.#focus)
      this.#tell('from', this.#axis.fromMs)
      this.#tell('to', this.#axis.toMs)
    })
  }

  /** Nobody's typing is overwritten. */
  #tell(field: 'from' | 'to', ms: number): void {
    const input = this.#at(field)
    if (input !== this.#browser.document.activeElement) input.value = String(Math.round(ms * 1000) / 1e6)
  }

  #filter(): void {
    const classes = new Set<string>()
    this.#hidden.clear()
    for (const box of this.#browser.document.querySelectorAll('[data-class]')) if (box.checked) classes.add(box.dataset['class'] ?? '')
    for (const box of this.#browser.document.querySelectorAll('[data-node]')) if (!box.checked) this.#hidden.add(box.dataset['node'] ?? '')
    const count = this.#model.filter(classes, this.#hidden, this.#at('search').value.toLowerCase())
    this.#at('count').textContent = `${count} of ${this.#model.events.length} events`
  }

  // ---- listening

  #listen(): void {
    const { document } = this.#browser
    this.#browser.addEventListener('resize', () => this.#fit())
    this.#browser.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#fit())
    for (const box of document.querySelectorAll('[data-class], [data-node]')) {
      box.addEventListener('change', () => {
        this.#filter()
        this.#fit()
      })
    }
    this.#at('search').addEventListener('input', () => {
      this.#filter()
      this.#redraw()
    })
    for (const id of ['from', 'to']) this.#at(id).addEventListener('change', () => this.#onRange())
    this.#at('closer').addEventListener('click', () => this.#onKey('+'))
    this.#at('farther').addEventListener('click', () => this.#onKey('-'))
    this.#at('whole').addEventListener('click', () => this.#onKey('0'))
    this.#canvas.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.#onKey(event.key, event.shiftKey)) return
      event.preventDefault()
    })
    this.#listenToPointer()
  }

  #listenToPointer(): void {
    const place = (event: { readonly clientX: number; readonly clientY: number }): readonly [number, number] => {
      const { left, top } = this.#canvas.getBoundingClientRect()
      return [event.clientX - left, event.clientY - top]
    }
    this.#canvas.addEventListener(
      'wheel',
      event => {
        event.preventDefault()
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
          this.#axis.pan(event.deltaX === 0 ? event.deltaY : event.deltaX)
        else this.#axis.zoom(event.deltaY > 0 ? 1.18 : 1 / 1.18, Math.max(this.#axis.left, place(event)[0]))
        this.#redraw()
      },
      { passive: false },
    )
    this.#canvas.addEventListener('pointerdown', event => {
      if (event.button !== 0) return
      const [x, y] = place(event)
      const how = y >= this.#painter.overviewTop ? 'overview' : y < this.#painter.top || y > this.#painter.bottom ? 'stretch' : 'move'
      this.#drag = { how, fromX: x, lastX: x, isClick: true }
      this.#canvas.setPointerCapture(event.pointerId)
      if (how === 'overview') this.#centre(x)
    })
    this.#canvas.addEventListener('pointermove', event => {
      const [x, y] = place(event)
      if (this.#drag === undefined) this.#hover(x, y)
      else this.#onDrag(this.#drag, x)
    })
    this.#canvas.addEventListener('pointerup', event => {
      const [x, y] = place(event)
      const drag = this.#drag
      this.#drag = undefined
      this.#at('stretch').hidden = true
      if (drag === undefined || drag.how === 'overview') return
      if (drag.isClick) this.choose(this.#painter.hit(x, y))
      else if (drag.how === 'stretch') {
        this.#axis.show(this.#axis.ms(Math.min(x, drag.fromX)), this.#axis.ms(Math.max(x, drag.fromX)))
        this.#redraw()
      }
    })
    this.#canvas.addEventListener('pointercancel', () => {
      this.#drag = undefined
      this.#at('stretch').hidden = true
    })
    this.#canvas.addEventListener('pointerleave', () => this.#hover(-1, -1))
  }

  #onDrag(drag: Drag, x: number): void {
    if (Math.abs(x - drag.fromX) > 4) drag.isClick = false
    if (drag.how === 'overview') return this.#centre(x)
    if (drag.isClick) return
    if (drag.how === 'move') {
      this.#axis.pan(drag.lastX - x)
      this.#redraw()
    } else {
      const stretch = this.#at('stretch')
      stretch.hidden = false
      stretch.style.setProperty('left', `${Math.min(x, drag.fromX)}px`)
      stretch.style.setProperty('width', `${Math.abs(x - drag.fromX)}px`)
    }
    drag.lastX = x
  }

  /** Puts the middle of what is in view where the overview was touched. */
  #centre(x: number): void {
    const { axis } = this.#painter
    const ms = axis.startMs + ((x - axis.left) / axis.width) * (axis.endMs - axis.startMs)
    const half = (axis.toMs - axis.fromMs) / 2
    axis.show(ms - half, ms + half)
    this.#redraw()
  }

  #hover(x: number, y: number): void {
    const id = this.#painter.hit(x, y)
    const tip = this.#at('tip')
    tip.hidden = id === -1
    if (id !== -1) {
      tip.textContent = this.#panel.describe(id)
      tip.style.setProperty('left', `${Math.min(x + 12, Math.max(0, this.#canvas.clientWidth - 260))}px`)
      tip.style.setProperty('top', `${y + 16}px`)
    }
    if (id === this.#focus.hovered) return
    this.#focus = { ...this.#focus, hovered: id }
    this.#redraw()
  }

  #onRange(): void {
    const [fromMs, toMs] = [Number(this.#at('from').value) * 1000, Number(this.#at('to').value) * 1000]
    if (toMs > fromMs) this.#axis.show(fromMs, toMs)
    this.#redraw()
  }

  /** @returns false for a key that means nothing here */
  #onKey(key: Key['key'], isShifted: boolean = false): boolean {
    const { selected } = this.#focus
    const axis = this.#axis
    const middle = axis.left + axis.width / 2
    const centre = selected === -1 ? middle : axis.x(this.#model.atMs[selected] ?? 0)
    const step = key === 'ArrowLeft' ? -1 : 1
    switch (key) {
      case '+':
      case '=':
        axis.zoom(1 / 1.6, centre)
        break
      case '-':
        axis.zoom(1.6, centre)
        break
      case '0':
        axis.show(axis.startMs, axis.endMs)
        break
      case 'ArrowLeft':
      case 'ArrowRight':
        if (selected === -1 || isShifted) axis.pan((step * axis.width) / 6)
        else
          this.#choose(
            id => id + step,
            id => this.#model.lane[id] === this.#model.lane[selected],
          )
        break
      case 'ArrowUp':
      case 'ArrowDown':
        this.#changeLane(key === 'ArrowUp' ? -1 : 1)
        break
      case 'Enter':
        if (selected !== -1) return false
        this.#choose(
          id => id + 1,
          () => true,
          this.#model.firstAt(axis.ms(middle)) - 1,
        )
        break
      case 'c':
        this.choose(this.#model.causeOf(selected) ?? selected)
        break
      case 'Escape':
        this.choose(-1)
        break
      default:
        return false
    }
    this.#redraw()
    return true
  }

  /** Goes on from `from`, past what is hidden, to the first event that will do; stays where there is none. */
  #choose(next: (id: number) => number, fits: (id: number) => boolean, from: number = this.#focus.selected): void {
    let id = next(from)
    while (id >= 0 && id < this.#model.events.length && !(this.#painter.isVisible(id) && fits(id))) id = next(id)
    if (id >= 0 && id < this.#model.events.length) this.choose(id)
  }

  /** To the nearest event in time on the next lane that has any. */
  #changeLane(step: number): void {
    const { selected } = this.#focus
    const { lane, atMs } = this.#model
    if (selected === -1) return
    let best = -1
    for (let to = (lane[selected] ?? 0) + step; best === -1 && to >= 0 && to < this.#model.report.nodes.length; to += step) {
      for (let id = 0; id < atMs.length; id++) {
        if (lane[id] !== to || !this.#painter.isVisible(id)) continue
        const isNearer =
          best === -1 || Math.abs((atMs[id] ?? 0) - (atMs[selected] ?? 0)) < Math.abs((atMs[best] ?? 0) - (atMs[selected] ?? 0))
        if (isNearer) best = id
      }
    }
    if (best !== -1) this.choose(best)
  }
}

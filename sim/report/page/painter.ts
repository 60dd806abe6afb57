import type { RunEvent } from '../event.ts'
import type { Browser, Context, Element } from './browser.ts'
import { Brush, SMALL, STRONG } from './brush.ts'
import { paintGlyph } from './glyph.ts'
import type { RunModel } from './run-model.ts'
import type { TimeAxis } from './time-axis.ts'

/** What is chosen and pointed at; -1 for nothing. */
export interface Focus {
  readonly selected: number
  readonly hovered: number
  /** By event, see `RunModel.marks`; undefined when nothing is chosen. */
  readonly marks: Uint8Array | undefined
}

/**
 * Paints the whole picture, from top to bottom: faults of the wires, a lane per node, time, how equal the nodes were,
 * and all of the run at a glance. Everything is painted anew at every frame; what would fall on the same pixels
 * is painted once, so that a frame costs what the screen can show and not what the run has.
 */
export class Painter {
  readonly axis: TimeAxis
  readonly #browser: Browser
  readonly #canvas: Element
  readonly #context: Context
  readonly #brush: Brush
  readonly #model: RunModel
  /** Row on the screen of each lane, -1 for a hidden one. */
  #rows: Int32Array
  #rowCount = 0
  #laneHeight = 0
  #width = 0
  #height = 0
  #colours: Record<string, string> = {}

  constructor(browser: Browser, canvas: Element, model: RunModel, axis: TimeAxis) {
    this.#browser = browser
    this.#canvas = canvas
    this.#context = canvas.getContext('2d') as Context
    this.#brush = new Brush(this.#context)
    this.#model = model
    this.axis = axis
    this.#rows = new Int32Array(model.report.nodes.length)
  }

  // ---- where things are

  /** Lanes below `top` end here; time, convergence and the overview follow. */
  get bottom(): number {
    return this.top + this.#rowCount * this.#laneHeight
  }

  get top(): number {
    return 46
  }

  get overviewTop(): number {
    return this.#height - 34
  }

  /** The middle of where an event is: what has no node is above the lanes. */
  y(id: number): number {
    const lane = this.#model.lane[id] ?? -1
    return lane < 0 ? 32 : this.#laneY(lane) + this.#offset(id)
  }

  isVisible(id: number): boolean {
    const lane = this.#model.lane[id] ?? -1
    return this.#model.shown[id] === 1 && (lane < 0 || this.#rows[lane] !== -1)
  }

  /** Takes the size of its place on the page, and the colours of its theme. */
  fit(hidden: ReadonlySet<string>): void {
    this.#rowCount = 0
    for (const [lane, { name }] of this.#model.report.nodes.entries()) this.#rows[lane] = hidden.has(name) ? -1 : this.#rowCount++
    this.#laneHeight = Math.min(58, Math.max(14, 480 / Math.max(1, this.#rowCount)))
    this.#width = this.#canvas.clientWidth
    this.#height = this.bottom + 24 + (this.#model.report.convergence.length > 0 ? 92 : 0) + 40
    this.axis.left = this.#width < 560 ? 48 : 88
    this.axis.width = Math.max(1, this.#width - this.axis.left - 12)
    this.#brush.left = this.axis.left - 8
    this.#brush.right = this.#width
    const ratio = this.#browser.devicePixelRatio
    this.#canvas.style.setProperty('height', `${this.#height}px`)
    this.#canvas.width = Math.round(this.#width * ratio)
    this.#canvas.height = Math.round(this.#height * ratio)
    const style = this.#browser.getComputedStyle(this.#browser.document.documentElement)
    for (const name of [
      'paper',
      'ink',
      'quiet',
      'line',
      'life',
      'good',
      'bad',
      'warn',
      'message',
      'ask',
      'past',
      'future',
      'tint0',
      'tint1',
      'tint2',
      'tint3',
    ]) {
      this.#colours[name] = style.getPropertyValue(`--${name}`).trim()
    }
  }

  paint(focus: Focus): void {
    const context = this.#context
    const ratio = this.#browser.devicePixelRatio
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, this.#width, this.#height)
    context.textBaseline = 'middle'
    this.#clipped(() => {
      for (const partition of this.#model.report.partitions) this.#paintPartition(partition)
      this.#paintTicks()
      this.#paintLives(focus)
      if (focus.marks !== undefined) this.#paintCones(focus.marks)
      this.#paintMessages(focus)
      this.#paintEvents(focus)
      this.#paintFocus(focus)
      this.#paintViolations()
    })
    this.#paintNames()
    this.#paintConvergence()
    this.#paintOverview()
  }

  /** The event within reach of a finger or pointer; a message counts along its whole way. -1 when there is none. */
  hit(x: number, y: number): number {
    const { axis } = this
    const { atMs, messages, partner, longestMessageMs } = this.#model
    if (x < axis.left || y > this.bottom) return -1
    let best = -1
    let bestDistance = 10
    const first = this.#model.firstAt(axis.ms(x - 10))
    for (let id = first; id < atMs.length && (atMs[id] ?? 0) <= axis.ms(x + 10); id++) {
      if (!this.isVisible(id)) continue
      // What stands out wins over what lies beside it.
      const distance = Math.hypot(axis.x(atMs[id] ?? 0) - x, this.y(id) - y) - (this.#model.classes[id] === 'story' ? 3 : 0)
      if (distance >= bestDistance) continue
      best = id
      bestDistance = distance
    }
    if (best !== -1) return best
    bestDistance = 5
    const reachMs = axis.ms(x - 10) - longestMessageMs
    for (let i = this.#messageAt(reachMs); i < messages.length; i++) {
      const send = messages[i] ?? 0
      const receive = partner[send] ?? 0
      if ((atMs[send] ?? 0) > axis.ms(x + 10)) break
      if ((atMs[receive] ?? 0) < axis.ms(x - 10) || !this.isVisible(send) || !this.isVisible(receive)) continue
      const distance = this.#distanceToWay(x, y, send, receive)
      if (distance >= bestDistance) continue
      best = receive
      bestDistance = distance
    }
    return best
  }

  // ---- layers

  #paintPartition({ fromMs, toMs, groups }: RunModel['report']['partitions'][number]): void {
    const context = this.#context
    const left = this.axis.x(fromMs)
    const right = this.axis.x(toMs)
    if (right < this.axis.left || left > this.#width) return
    const groupOf = (name: string): number => groups.findIndex(group => group.includes(name))
    let above = -1
    for (const [lane, { name }] of this.#model.report.nodes.entries()) {
      if (this.#rows[lane] === -1) continue
      const group = groupOf(name)
      const top = this.#laneY(lane) - this.#laneHeight / 2
      if (group >= 0) {
        context.fillStyle = this.#colours[`tint${group % 4}`] ?? ''
        context.fillRect(left, top, right - left, this.#laneHeight)
        if (group % 2 === 1) this.#brush.hatch(left, top, right, top + this.#laneHeight, this.#colours['line'] ?? '', 9)
      }
      if (above >= 0 && group >= 0 && group !== above) this.#brush.line(left, top, right, top, this.#colours['bad'] ?? '', 1, [6, 4])
      if (group >= 0) above = group
    }
    for (const x of [left, right]) this.#brush.line(x, 22, x, this.bottom, this.#colours['bad'] ?? '', 1, [3, 3])
    // The names stay in view as long as any of it does.
    const from = Math.max(left, this.axis.left) + 4
    this.#brush.label(
      `partition ${groups.map(group => group.join(' ')).join(' | ')}`,
      from,
      14,
      right - from + 40,
      this.#colours['bad'] ?? '',
      true,
    )
  }

  #paintTicks(): void {
    const context = this.#context
    context.font = SMALL
    context.textAlign = 'center'
    for (const { ms, label } of this.axis.ticks()) {
      const x = this.axis.x(ms)
      this.#brush.line(x, this.top, x, this.bottom + 4, this.#colours['line'] ?? '', 0.5)
      context.fillStyle = this.#colours['quiet'] ?? ''
      context.fillText(label, x, this.bottom + 13)
    }
  }

  #paintLives({ marks }: Focus): void {
    const { nodes, lives, spells } = this.#model.report
    const context = this.#context
    const colours = this.#colours
    context.globalAlpha = marks === undefined ? 1 : 0.35
    for (const [lane] of nodes.entries()) {
      if (this.#rows[lane] === -1) continue
      const y = this.#laneY(lane)
      this.#brush.line(this.axis.left, y, this.#width, y, colours['line'] ?? '', 1, [2, 4])
    }
    for (const { node, fromMs, toMs } of lives) {
      const y = this.#nodeY(node)
      if (y !== undefined) this.#brush.line(this.axis.x(fromMs), y, this.axis.x(toMs), y, colours['life'] ?? '', 2)
    }
    // From a crash to the next life, or to the end.
    for (const { node, toMs, end } of lives) {
      const y = this.#nodeY(node)
      if (y === undefined || end === null) continue
      const nextMs = lives.find(life => life.node === node && life.fromMs >= toMs)?.fromMs ?? this.axis.endMs
      const half = Math.min(11, this.#laneHeight / 2 - 1)
      this.#brush.hatch(this.axis.x(toMs), y - half, this.axis.x(nextMs), y + half, colours['bad'] ?? '', 6)
    }
    for (const { node, fromMs, toMs, what } of spells) {
      const y = this.#nodeY(node)
      if (y === undefined) continue
      const [left, right] = [this.axis.x(fromMs), this.axis.x(toMs)]
      this.#brush.line(left, y, right, y, colours['warn'] ?? '', 6, [5, 3])
      const from = Math.max(left, this.axis.left) + 3
      this.#brush.label(what, from, y - Math.min(14, this.#laneHeight / 2 - 4), right - from, colours['warn'] ?? '', false)
    }
    context.globalAlpha = 1
  }

  /** The past of the chosen event is a beginning of every lane, its future an end. */
  #paintCones(marks: Uint8Array): void {
    const { nodes } = this.#model.report
    const first = nodes.map(() => -1)
    const lastPast = nodes.map(() => -1)
    const firstFuture = nodes.map(() => -1)
    const last = nodes.map(() => -1)
    for (let id = 0; id < marks.length; id++) {
      const lane = this.#model.lane[id] ?? -1
      if (lane < 0 || marks[id] === 0) continue
      if (marks[id] !== 2) {
        if (first[lane] === -1) first[lane] = id
        lastPast[lane] = id
      }
      if (marks[id] !== 1) {
        if (firstFuture[lane] === -1) firstFuture[lane] = id
        last[lane] = id
      }
    }
    const stretch = (from: number, to: number, lane: number, colour: string | undefined): void => {
      if (from === -1 || this.#rows[lane] === -1) return
      const y = this.#laneY(lane)
      this.#brush.line(this.axis.x(this.#model.atMs[from] ?? 0), y, this.axis.x(this.#model.atMs[to] ?? 0), y, colour ?? '', 4)
    }
    for (const lane of nodes.keys()) {
      stretch(first[lane] ?? -1, lastPast[lane] ?? -1, lane, this.#colours['past'])
      stretch(firstFuture[lane] ?? -1, last[lane] ?? -1, lane, this.#colours['future'])
    }
  }

  #paintMessages({ marks }: Focus): void {
    const context = this.#context
    const { messages, partner, atMs, lane, longestMessageMs } = this.#model
    const from = this.#messageAt(this.axis.fromMs - longestMessageMs)
    let to = from
    while (to < messages.length && (atMs[messages[to] ?? 0] ?? 0) <= this.axis.toMs) to++
    const crowded = Math.min(1, 260 / Math.max(1, to - from))
    const layers = marks === undefined ? [0] : [0, 1, 2]
    for (const layer of layers) {
      context.strokeStyle = (layer === 0 ? this.#colours['message'] : layer === 1 ? this.#colours['past'] : this.#colours['future']) ?? ''
      context.globalAlpha = layer > 0 ? 0.9 : marks === undefined ? 0.3 + 0.6 * crowded : 0.12
      context.lineWidth = layer > 0 ? 1.6 : 1
      context.beginPath()
      /** The last way painted between two lanes: one on the same pixels is left out. */
      const painted = new Map<number, number>()
      for (let i = from; i < to; i++) {
        const send = messages[i] ?? 0
        const receive = partner[send] ?? 0
        if (!this.isVisible(send) || !this.isVisible(receive)) continue
        if (marks !== undefined && layerOf(marks[send] ?? 0, marks[receive] ?? 0) !== layer) continue
        const x = this.axis.x(atMs[send] ?? 0)
        const way = (lane[send] ?? 0) * 4096 + (lane[receive] ?? 0)
        const pixels = Math.round(x) * 16384 + Math.round(this.axis.x(atMs[receive] ?? 0))
        if (painted.get(way) === pixels) continue
        painted.set(way, pixels)
        context.moveTo(x, this.#laneY(lane[send] ?? 0))
        context.lineTo(this.axis.x(atMs[receive] ?? 0), this.#laneY(lane[receive] ?? 0))
      }
      context.stroke()
    }
    context.globalAlpha = 1
  }

  #paintEvents({ marks }: Focus): void {
    const context = this.#context
    const { events, atMs, lane } = this.#model
    const from = this.#model.firstAt(this.axis.ms(-12))
    const toMs = this.axis.ms(this.#width + 12)
    /** By lane and kind: the last pixel painted. */
    const painted = new Map<string, number>()
    for (let id = from; id < events.length && (atMs[id] ?? 0) <= toMs; id++) {
      if (!this.isVisible(id)) continue
      const event = events[id]
      if (event === undefined) continue
      const mark = marks?.[id] ?? 0
      const x = this.axis.x(atMs[id] ?? 0)
      const key = `${lane[id]} ${event.kind} ${mark}`
      if (painted.get(key) === Math.round(x)) continue
      painted.set(key, Math.round(x))
      context.globalAlpha = marks !== undefined && mark === 0 ? 0.13 : 1
      const colour = mark === 1 ? this.#colours['past'] : mark === 2 ? this.#colours['future'] : undefined
      this.#paintGlyph(event, id, x, colour)
    }
    context.globalAlpha = 1
  }

  #paintGlyph(event: RunEvent, id: number, x: number, colour: string | undefined): void {
    const to = event.kind === 'lost' ? this.#nodeY(String(event.fields['to'])) : undefined
    const y = this.y(id)
    paintGlyph(this.#brush, event, x, y, {
      colour,
      colours: this.#colours,
      room: this.#laneHeight,
      // Towards where it was sent, as far as it is drawn.
      lostY: y + (to === undefined ? -1 : Math.sign(to - y)) * this.#laneHeight * 0.3,
    })
  }

  #paintFocus({ selected, hovered }: Focus): void {
    const context = this.#context
    for (const [id, colour, radius] of [
      [hovered, 'quiet', 8],
      [selected, 'ink', 9],
    ] as const) {
      if (id === -1 || !this.isVisible(id)) continue
      context.strokeStyle = this.#colours[colour] ?? ''
      context.lineWidth = id === selected ? 2.5 : 1.5
      context.beginPath()
      context.arc(this.axis.x(this.#model.atMs[id] ?? 0), this.y(id), radius, 0, 7)
      context.stroke()
    }
  }

  #paintViolations(): void {
    for (const { id, violation } of this.#model.report.invariants) {
      if (violation === null) continue
      const x = this.axis.x(violation.atMs)
      this.#brush.line(x, 22, x, this.bottom, this.#colours['bad'] ?? '', 2)
      const isLeft = x > this.#width / 2
      this.#brush.label(`✗ ${id}`, isLeft ? x - 14 : x + 14, 32, 220, this.#colours['bad'] ?? '', true, isLeft ? 'right' : 'left')
    }
  }

  #paintNames(): void {
    const context = this.#context
    context.textAlign = 'right'
    context.fillStyle = this.#colours['ink'] ?? ''
    context.font = STRONG
    const every = Math.ceil(13 / this.#laneHeight)
    for (const [lane, { name }] of this.#model.report.nodes.entries()) {
      const row = this.#rows[lane] ?? -1
      if (row === -1 || row % every !== 0) continue
      context.fillText(this.#brush.cut(name, this.axis.left - 14), this.axis.left - 10, this.#laneY(lane))
    }
  }

  /** How many different states the cluster was in, and how much each node held. */
  #paintConvergence(): void {
    const { convergence, nodes } = this.#model.report
    if (convergence.length === 0) return
    const context = this.#context
    const ground = this.bottom + 24 + 34
    const most = Math.max(2, ...convergence.map(({ distinct }) => distinct))
    const held = Math.max(1, ...convergence.flatMap(sample => Object.values(sample.held)))
    this.#clipped(() => {
      context.beginPath()
      context.fillStyle = this.#colours['message'] ?? ''
      context.globalAlpha = 0.55
      for (const [i, { atMs, distinct }] of convergence.entries()) {
        const x = this.axis.x(atMs)
        const next = this.axis.x(convergence[i + 1]?.atMs ?? this.axis.endMs)
        if (next < this.axis.left || x > this.#width) continue
        const height = ((distinct - 1) / (most - 1)) * 28
        if (height > 0) context.rect(x, ground - height, Math.max(1, next - x), height)
      }
      context.fill()
      context.globalAlpha = 1
      this.#brush.line(this.axis.left, ground, this.#width, ground, this.#colours['line'] ?? '', 1)
      context.lineWidth = 1.3
      context.strokeStyle = this.#colours['good'] ?? ''
      for (const { name } of nodes) {
        context.beginPath()
        let isDown = true
        for (const sample of convergence) {
          const records = sample.held[name]
          if (records === undefined) isDown = true
          else {
            const [x, y] = [this.axis.x(sample.atMs), ground + 46 - (records / held) * 36]
            if (isDown) context.moveTo(x, y)
            else context.lineTo(x, y)
            isDown = false
          }
        }
        context.stroke()
      }
      this.#brush.line(this.axis.left, ground + 46, this.#width, ground + 46, this.#colours['line'] ?? '', 1)
    })
    const narrow = this.axis.left < 60
    context.textAlign = 'right'
    context.font = SMALL
    context.fillStyle = this.#colours['quiet'] ?? ''
    context.fillText(narrow ? 'diff.' : 'different', this.axis.left - 10, ground - 19)
    context.fillText('states', this.axis.left - 10, ground - 6)
    context.fillText(narrow ? 'recs' : 'records', this.axis.left - 10, ground + 27)
    context.fillText('held', this.axis.left - 10, ground + 40)
  }

  /** All of the run: how busy it was, what went wrong, and which part is in view. */
  #paintOverview(): void {
    const context = this.#context
    const { axis } = this
    const { atMs, events, report } = this.#model
    const top = this.overviewTop
    const height = 26
    const span = axis.endMs - axis.startMs
    const x = (ms: number): number => axis.left + ((ms - axis.startMs) / span) * axis.width
    const columns = new Uint32Array(Math.ceil(axis.width / 2) + 1)
    let sum = 0
    for (let id = 0; id < events.length; id++) {
      if (!this.isVisible(id)) continue
      const column = Math.floor((((atMs[id] ?? 0) - axis.startMs) / span) * (columns.length - 1))
      columns[column] = (columns[column] ?? 0) + 1
      sum++
    }
    // Against three times the mean of busy moments: the first one, when all connect, would flatten every other.
    const full = (3 * sum) / Math.max(1, columns.filter(count => count > 0).length)
    context.fillStyle = this.#colours['line'] ?? ''
    for (const [i, count] of columns.entries()) {
      const bar = Math.min(1, count / full) * (height - 4)
      if (count > 0) context.fillRect(axis.left + i * 2, top + height - bar, 2, bar)
    }
    context.globalAlpha = 0.25
    context.fillStyle = this.#colours['bad'] ?? ''
    for (const { fromMs, toMs } of report.partitions) context.fillRect(x(fromMs), top, x(toMs) - x(fromMs), height)
    context.globalAlpha = 1
    for (const { violation } of report.invariants) {
      if (violation !== null) this.#brush.line(x(violation.atMs), top, x(violation.atMs), top + height, this.#colours['bad'] ?? '', 2)
    }
    context.strokeStyle = this.#colours['quiet'] ?? ''
    context.lineWidth = 1
    context.strokeRect(axis.left, top, axis.width, height)
    context.strokeStyle = this.#colours['ink'] ?? ''
    context.lineWidth = 2
    context.strokeRect(x(axis.fromMs), top, Math.max(4, x(axis.toMs) - x(axis.fromMs)), height)
  }

  #clipped(paint: () => void): void {
    const context = this.#context
    context.save()
    context.beginPath()
    context.rect(this.axis.left - 8, 0, this.#width - this.axis.left + 8, this.#height)
    context.clip()
    paint()
    context.restore()
  }

  // ---- geometry

  #laneY(lane: number): number {
    return this.top + ((this.#rows[lane] ?? 0) + 0.5) * this.#laneHeight
  }

  #nodeY(node: string): number | undefined {
    const lane = this.#model.report.nodes.findIndex(({ name }) => name === node)
    return lane === -1 || this.#rows[lane] === -1 ? undefined : this.#laneY(lane)
  }

  /** Commands are above the line of a node and its log below, where there is room. */
  #offset(id: number): number {
    if (this.#laneHeight < 26) return 0
    const name = this.#model.classes[id]
    return name === 'operation' ? -this.#laneHeight * 0.24 : name === 'log' ? this.#laneHeight * 0.26 : 0
  }

  /** The first message sent at `ms` or later. */
  #messageAt(ms: number): number {
    const { messages, atMs } = this.#model
    let low = 0
    let high = messages.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((atMs[messages[middle] ?? 0] ?? 0) < ms) low = middle + 1
      else high = middle
    }
    return low
  }

  #distanceToWay(x: number, y: number, send: number, receive: number): number {
    const [fromX, fromY] = [this.axis.x(this.#model.atMs[send] ?? 0), this.y(send)]
    const [dx, dy] = [this.axis.x(this.#model.atMs[receive] ?? 0) - fromX, this.y(receive) - fromY]
    const along = Math.min(1, Math.max(0, ((x - fromX) * dx + (y - fromY) * dy) / Math.max(1, dx * dx + dy * dy)))
    return Math.hypot(x - fromX - along * dx, y - fromY - along * dy)
  }
}

/** A message is in the past when both its ends are, or the chosen event is one of them; and so in the future. */
export function layerOf(send: number, receive: number): number {
  if ((send === 1 || send === 3) && (receive === 1 || receive === 3)) return 1
  return send >= 2 && receive >= 2 ? 2 : 0
}

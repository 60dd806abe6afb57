import type { Context } from './browser.ts'

/** The strokes that the picture is made of. */
export class Brush {
  readonly context: Context
  /** Of what can be seen: nothing is hatched outside. */
  left = 0
  right = 0

  constructor(context: Context) {
    this.context = context
  }

  line(fromX: number, fromY: number, toX: number, toY: number, colour: string, width: number, dash: readonly number[] = []): void {
    const context = this.context
    context.strokeStyle = colour
    context.lineWidth = width
    context.setLineDash(dash)
    context.beginPath()
    context.moveTo(fromX, fromY)
    context.lineTo(toX, toY)
    context.stroke()
    context.setLineDash([])
  }

  polygon(points: readonly number[]): void {
    for (let i = 0; i < points.length; i += 2) {
      if (i === 0) this.context.moveTo(points[i] ?? 0, points[i + 1] ?? 0)
      else this.context.lineTo(points[i] ?? 0, points[i + 1] ?? 0)
    }
    this.context.closePath()
  }

  cross(x: number, y: number, size: number): void {
    this.context.moveTo(x - size, y - size)
    this.context.lineTo(x + size, y + size)
    this.context.moveTo(x + size, y - size)
    this.context.lineTo(x - size, y + size)
  }

  hatch(left: number, top: number, right: number, bottom: number, colour: string, everyPixels: number): void {
    const context = this.context
    const from = Math.max(left, this.left)
    const to = Math.min(right, this.right)
    if (to <= from) return
    context.save()
    context.beginPath()
    context.rect(from, top, to - from, bottom - top)
    context.clip()
    context.globalAlpha *= 0.5
    context.strokeStyle = colour
    context.lineWidth = 1
    context.beginPath()
    const height = bottom - top
    for (let x = from - ((from - left) % everyPixels) - height; x < to; x += everyPixels) {
      context.moveTo(x, bottom)
      context.lineTo(x + height, top)
    }
    context.stroke()
    context.restore()
  }

  /** Text that gives way to the room it has. */
  label(text: string, x: number, y: number, room: number, colour: string, isStrong: boolean, align: 'left' | 'right' = 'left'): void {
    const context = this.context
    context.font = isStrong ? STRONG : SMALL
    const fitting = this.cut(text, room)
    if (fitting.length < 3) return
    context.textAlign = align
    context.fillStyle = colour
    context.fillText(fitting, x, y)
  }

  cut(text: string, room: number): string {
    if (this.context.measureText(text).width <= room) return text
    let length = Math.min(text.length, Math.max(0, Math.floor(room / 4)))
    while (length > 0 && this.context.measureText(`${text.slice(0, length)}…`).width > room) length--
    return length === 0 ? '' : `${text.slice(0, length)}…`
  }
}

export const SMALL: string = '11px ui-sans-serif, system-ui, sans-serif'
export const STRONG: string = '600 12px ui-sans-serif, system-ui, sans-serif'

import type { RunEvent } from '../event.ts'
import type { Brush } from './brush.ts'

export interface Look {
  /** Instead of its own: of the past or the future of what is chosen. */
  readonly colour: string | undefined
  readonly colours: Readonly<Record<string, string>>
  /** Pixels that a lane is high. */
  readonly room: number
  /** How far a lost message is drawn. */
  readonly lostY: number
}

/** Every kind has a shape of its own: colours only help. */
export function paintGlyph(brush: Brush, event: RunEvent, x: number, y: number, { colour, colours, room, lostY }: Look): void {
  const { context } = brush
  const { kind, what, fields } = event
  const own = (name: string): string => colour ?? colours[name] ?? ''
  const small = room < 26
  context.beginPath()
  switch (kind) {
    case 'boot':
      context.fillStyle = own('good')
      brush.polygon([x - 6, y + 6, x, y - 7, x + 6, y + 6])
      context.fill()
      return
    case 'end':
      context.strokeStyle = own('bad')
      context.lineWidth = 3
      brush.cross(x, y, 6)
      context.stroke()
      return
    case 'fault': {
      const top = event.node === null ? y : y - Math.min(16, room / 2 - 5)
      context.fillStyle = own(what === 'heal' ? 'good' : 'warn')
      brush.polygon([x, top - 6, x + 6, top, x, top + 6, x - 6, top])
      context.fill()
      return
    }
    case 'violation':
      context.fillStyle = own('bad')
      brush.polygon([x, y - 10, x + 10, y, x, y + 10, x - 10, y])
      context.fill()
      return
    case 'commit':
      context.fillStyle = own(what === 'failed' ? 'bad' : 'good')
      context.arc(x, y, small ? 2.2 : 3.4, 0, 7)
      context.fill()
      return
    case 'apply':
      context.fillStyle = colours['paper'] ?? ''
      context.strokeStyle = own('good')
      context.lineWidth = 1.4
      context.arc(x, y, small ? 2 : 3, 0, 7)
      context.fill()
      context.stroke()
      return
    case 'ask':
      context.fillStyle = own('ask')
      brush.polygon([x - 3, y - 4, x + 4, y, x - 3, y + 4])
      context.fill()
      return
    case 'answer':
      context.fillStyle = own(fields['outcome'] === 'ok' ? 'ask' : 'warn')
      context.fillRect(x - 3, y - 3, 6, 6)
      return
    case 'log':
      context.fillStyle = own(fields['level'] === 'error' ? 'bad' : fields['level'] === 'warn' ? 'warn' : 'quiet')
      context.fillRect(x - 1, y - 4, 2, 8)
      return
    case 'lost':
      context.strokeStyle = own('bad')
      context.lineWidth = 1.2
      context.moveTo(x, y)
      context.lineTo(x, lostY)
      brush.cross(x, lostY, 3)
      context.stroke()
      return
    default:
      context.fillStyle = own('message')
      context.fillRect(x - 1.5, y - 1.5, 3, 3)
  }
}

import { WeftError } from '../../base/errors.ts'
import type { Invocation } from '../invocation.ts'
import { styled, write } from '../output.ts'

/** How `weft` is called where the reader is: in a checkout it is not on the path. */
const WEFT = process.env['npm_lifecycle_event'] === undefined ? 'weft' : 'npx weft'

/** Tells the tour to a person; with `--json` only how far it is, and only to those who want progress. */
export class Narrator {
  readonly #cli: Invocation
  readonly #dir: string
  readonly #interrupted: AbortSignal
  #steps = 0

  constructor(cli: Invocation, dir: string, interrupted: AbortSignal) {
    this.#cli = cli
    this.#dir = dir
    this.#interrupted = interrupted
  }

  /** Begins a step: its title, and in a sentence or two what is about to happen. */
  step(title: string, about: string): void {
    if (this.#interrupted.aborted) throw new WeftError('stopping', 'interrupted')
    this.#steps++
    if (this.#cli.isJson) this.#cli.progress.update(() => title)
    else write(`\n${styled('bold', `${this.#steps}. ${title}`)}\n${wrapped(about)}\n`)
  }

  /** What was seen. */
  say(text: string): void {
    if (!this.#cli.isJson) write(`${text.replaceAll(/^(?=.)/gm, '   ')}\n`)
  }

  /** A command that shows the same by hand. */
  byHand(node: string, command: string): void {
    if (!this.#cli.isJson) write(`   ${styled('dim', 'by hand:')} ${styled('cyan', byHand(this.#dir, node, command))}\n`)
  }

  /** How far a long step is. */
  progress(text: () => string): void {
    this.#cli.progress.update(text)
  }

  endProgress(): void {
    this.#cli.progress.done()
  }
}

function byHand(dir: string, node: string, command: string): string {
  return `${WEFT} ${command} --dir ${node === '' ? dir : `${dir}/${node}`}`
}

/** What to do with five nodes that are up. */
export function goodbye(dir: string): string {
  const commands = [
    ['n3', 'mem recall "anything"'],
    ['n2', 'mem remember "something new" --key mine'],
    ['n5', 'logs -f'],
    ['n1', 'doctor'],
    ['', 'cluster kill n4'],
    ['', 'cluster restart n4'],
    ['', 'cluster status'],
  ] as const
  return `\nThe five nodes stay up. From another terminal:\n${commands.map(([node, command]) => `  ${styled('cyan', byHand(dir, node, command))}`).join('\n')}\nCtrl-C stops them and deletes ${dir}.`
}

const WIDTH = 96

function wrapped(text: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > WIDTH) lines.push(`   ${word}`)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}

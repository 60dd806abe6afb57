import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Request } from '../node/commands/types.ts'
import { inSpace } from '../node/client/space.ts'
import { LONG_ANSWER_MS, nodeIn } from './node-in.ts'
import { write, writeDocument } from './output.ts'
import { Progress } from './progress.ts'

interface GlobalOptions {
  readonly dir?: string
  readonly json?: boolean
  readonly progress?: boolean
  readonly space?: string
}

/** One call of the command line: where the node is, and how to answer. */
export class Invocation {
  /** The node directory, absolute: `--dir`, else `WEFT_DIR`, else `./.weft`. */
  readonly dir: string
  readonly isJson: boolean
  readonly progress: Progress
  /** Which space commands of the memory are about, where they do not say: `--space`, else `WEFT_SPACE`, else the node decides. */
  readonly space: string | undefined
  /** The same for what takes a while: a question about the whole memory. */
  readonly askSlowly: Request
  /** Performs a command on the node that runs in `dir`. */
  readonly request: Request

  constructor({ dir, json, progress, space }: GlobalOptions) {
    this.dir = resolve(dir ?? (process.env['WEFT_DIR'] || '.weft'))
    this.isJson = json === true
    this.progress = new Progress(progress === true)
    this.space = space ?? (process.env['WEFT_SPACE'] || undefined)
    this.request = inSpace(nodeIn(this.dir), this.space)
    this.askSlowly = inSpace(nodeIn(this.dir, LONG_ANSWER_MS), this.space)
  }

  /** The answer: `document` with `--json`, else what `render` makes of it. */
  print<T>(document: T, render: (document: T) => string): void {
    if (this.isJson) return writeDocument(document)
    const text = render(document)
    if (text !== '') write(text.endsWith('\n') ? text : `${text}\n`)
  }
}

/** What a command's file exports: its arguments, options and action. */
export type Define = (command: Command) => unknown

/**
 * Makes a commander action of `work`. Operands come in their order; `undefined` is an optional one
 * left out. What `work` returns is the exit code, 0 when it returns nothing.
 */
export function action<Operands extends readonly unknown[], Options extends object>(
  work: (cli: Invocation, operands: Operands, options: Options) => Promise<number | void>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command
    const code = await work(new Invocation(command.optsWithGlobals()), args.slice(0, -2) as unknown as Operands, args.at(-2) as Options)
    process.exitCode = code ?? 0
  }
}

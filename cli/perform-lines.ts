import { asWeftError, type ErrorCode, WeftError } from '../base/errors.ts'
import { JSONL_IN_FLIGHT } from '../base/limits.ts'
import type { CommandName } from '../node/commands/types.ts'
import { batchTo } from '../node/connect.ts'
import { reportFailure } from './failure.ts'
import { type Line, LINE_MAX_BYTES } from './lines.ts'
import { ANSWER_MS, nodeIn, within } from './node-in.ts'
import { writeAll } from './output.ts'
import { plural } from './text.ts'

/**
 * A command for each line, answered in the order of the lines, each as soon as it and those before
 * it are done. Up to JSONL_IN_FLIGHT are under way, in a few requests at a time: what arrives while all of
 * them are busy goes together in the next. So a line typed by hand is answered at once, and a file goes
 * as fast as the node takes it.
 */
export interface LineCommand {
  readonly command: CommandName
  readonly input: unknown
}

/** 4 requests of 256 lines: while one waits for the disk, the others are read, checked and answered. */
const REQUESTS_MAX = 4
const BATCH_MAX = JSONL_IN_FLIGHT / REQUESTS_MAX
/** 20 s: how long one question whether the node is there waits before it is asked again. */
const WATCH_MS = 20_000

/** Codes of an answer that says nothing about what was asked: the node went away meanwhile. */
export const GONE: readonly ErrorCode[] = ['not_running', 'stopping', 'timeout']

interface Entry {
  readonly work: LineCommand | undefined
  /** Of the line, from 1. */
  readonly number: number
  /** Of the line: what it adds to a request. */
  readonly bytes: number
  /** JSON; undefined until it is there. */
  answer: string | undefined
}

/** @returns the exit code: 0, 1 when a line failed, 2 when the node went away before all were answered */
export async function performLines(
  dir: string,
  lines: AsyncIterable<readonly Line[]>,
  commandOf: (text: string) => LineCommand,
): Promise<number> {
  const { nodeId } = await nodeIn(dir)('node.id', {})
  const run = new LineRun(dir, commandOf)
  try {
    untilGone(dir).catch((thrown: unknown) => run.fail(thrown))
    await run.perform(lines)
    return run.hasFailed ? 1 : 0
  } catch (thrown) {
    const error = asWeftError(thrown)
    if (!GONE.includes(error.code)) throw error
    return reportFailure(
      new WeftError(
        error.code,
        `node ${nodeId} went away: ${plural(run.unanswered, 'line')} stayed unanswered`,
        run.unanswered === 0 ? {} : { next: 'what they asked for may have been done or not; sending the same memories again does no harm' },
      ),
      false,
    )
  }
}

/** Rejects when the node is gone, also while no line is under way. */
async function untilGone(dir: string): Promise<never> {
  const request = nodeIn(dir, WATCH_MS + ANSWER_MS)
  let { newest } = await request('node.events', { limit: 1 })
  for (;;) ({ newest } = await request('node.events', { after: newest, limit: 1, waitMs: WATCH_MS }))
}

class LineRun {
  readonly #dir: string
  readonly #commandOf: (text: string) => LineCommand
  /** In the order of the lines, from the first one that has not been printed. */
  readonly #entries: Entry[] = []
  readonly #waiting: Entry[] = []
  #requests = 0
  #isAllRead = false
  #failure: unknown
  #sleepers: (() => void)[] = []
  hasFailed = false

  constructor(dir: string, commandOf: (text: string) => LineCommand) {
    this.#dir = dir
    this.#commandOf = commandOf
  }

  /** Lines that were read and not answered. */
  get unanswered(): number {
    return this.#entries.length
  }

  async perform(lines: AsyncIterable<readonly Line[]>): Promise<void> {
    await Promise.all([this.#read(lines), this.#print()])
  }

  /** Nothing more will be answered. */
  fail(thrown: unknown): void {
    this.#failure ??= thrown
    this.#wake()
  }

  async #read(lines: AsyncIterable<readonly Line[]>): Promise<void> {
    for await (const some of lines) {
      for (const line of some) {
        while (this.#entries.length >= JSONL_IN_FLIGHT) await this.#change()
        this.#add(line)
      }
      this.#pump()
      this.#wake()
    }
    this.#isAllRead = true
    this.#wake()
  }

  async #print(): Promise<void> {
    for (;;) {
      const unanswered = this.#entries.findIndex(entry => entry.answer === undefined)
      const done = this.#entries.splice(0, unanswered < 0 ? this.#entries.length : unanswered)
      if (done.length > 0) {
        this.#wake()
        await writeAll(`${done.map(entry => entry.answer).join('\n')}\n`)
      } else if (this.#failure !== undefined) {
        throw this.#failure
      } else if (this.#isAllRead && this.#entries.length === 0) {
        return
      } else {
        await this.#change()
      }
    }
  }

  #change(): Promise<void> {
    this.#pump()
    return new Promise(resolve => this.#sleepers.push(resolve))
  }

  #wake(): void {
    for (const wake of this.#sleepers.splice(0)) wake()
  }

  #add({ number, content }: Line): void {
    const entry: Entry = 'error' in content ? this.#failed(number, content.error) : this.#entryOf(number, content.text)
    this.#entries.push(entry)
    if (entry.work !== undefined) this.#waiting.push(entry)
  }

  #entryOf(number: number, text: string): Entry {
    try {
      return { number, work: this.#commandOf(text), bytes: Buffer.byteLength(text), answer: undefined }
    } catch (thrown) {
      return this.#failed(number, asWeftError(thrown))
    }
  }

  #failed(line: number, error: unknown): Entry {
    this.hasFailed = true
    return { number: line, work: undefined, bytes: 0, answer: JSON.stringify({ line, error }) }
  }

  #pump(): void {
    while (this.#requests < REQUESTS_MAX && this.#waiting.length > 0 && this.#failure === undefined) {
      this.#requests++
      void this.#ask(this.#nextBatch())
    }
  }

  #nextBatch(): readonly Entry[] {
    let size = 0
    let bytes = 0
    for (; size < Math.min(BATCH_MAX, this.#waiting.length); size++) {
      bytes += (this.#waiting[size] as Entry).bytes
      // Half of what a request can hold, or one line, whose limit that is.
      if (size > 0 && bytes > LINE_MAX_BYTES) break
    }
    return this.#waiting.splice(0, size)
  }

  async #ask(batch: readonly Entry[]): Promise<void> {
    try {
      const results = await within(
        ANSWER_MS,
        batchTo(
          this.#dir,
          'cli',
          batch.map(entry => entry.work as LineCommand),
        ),
        'the node has not answered',
      )
      results.forEach((result, i) => {
        if ('error' in result && GONE.includes(result.error.code as ErrorCode)) throw new WeftError('stopping', result.error.message)
        if ('error' in result) this.hasFailed = true
        const entry = batch[i] as Entry
        entry.answer = JSON.stringify('ok' in result ? result.ok : { line: entry.number, ...result })
      })
    } catch (thrown) {
      this.fail(thrown)
    }
    this.#requests--
    this.#pump()
    this.#wake()
  }
}

/** A line that is a JSON object: the input of a command, which checks its fields. */
export function objectIn(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (thrown) {
    throw new WeftError('import_invalid', `not JSON: ${(thrown as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WeftError('import_invalid', 'a line is a JSON object')
  return value
}

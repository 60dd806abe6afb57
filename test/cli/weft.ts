/** The real command, run as a child process: what a test of the command line needs to start, ask and clean up. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ErrorCode } from '../../base/errors.ts'
import { readControlFile } from '../../node/host/directory.ts'

/** Beside this test, in whatever folder both were built to. */
export const WEFT: string = fileURLToPath(new URL('../../cli/weft.js', import.meta.url))

/** 40 s: longer than anything a test asks for takes on a slow machine. */
const LIMIT_MS = 40_000

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What is on its stdin; nothing unless given. */
  readonly input?: string | Uint8Array | undefined
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** Settings of whoever runs the tests, and what npm and the test runner add, are not the command's. */
export function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(WEFT_|GIT_|_?TAP|NODE_OPTIONS|FORCE_COLOR|NO_COLOR|npm_(?!config_(cache|registry|userconfig)))/.test(name),
  )
  return { ...Object.fromEntries(kept), ...more }
}

/**
 * A program without the hook that the test runner puts into every Node its tests start: that takes
 * longer to load than most commands take to run.
 */
export function unhooked(file: string, args: readonly string[]): readonly [file: string, args: readonly string[]] {
  return process.platform === 'win32' ? [file, args] : ['/usr/bin/env', ['-u', 'NODE_OPTIONS', file, ...args]]
}

/** A command that goes on; whoever starts it ends it. */
export function starts(args: readonly string[], { cwd, env }: RunOptions = {}): ChildProcess {
  return spawn(...unhooked(process.execPath, [WEFT, ...args]), { cwd, env: environment(env), stdio: ['pipe', 'pipe', 'pipe'] })
}

/** Runs a command to its end. */
export function weft(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = starts(args, options)
  child.stdin?.on('error', () => {}) // a command may end without reading what it was given
  child.stdin?.end(options.input ?? '')
  return ended(child)
}

export function ended(child: ChildProcess): Promise<Ended> {
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', text => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', text => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
}

/** The one document that a command prints with `--json`. Throws when it fails, or prints anything else. */
export async function ask<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
  const { code, stdout, stderr } = await weft([...args, '--json'], options)
  if (code !== 0) throw new Error(`weft ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** How a command fails: its exit code, and the code in the document it prints. */
export interface Failure {
  readonly exit: number | null
  readonly code: ErrorCode | undefined
  readonly message: string
  readonly next: string | undefined
  readonly stderr: string
}

export async function failure(args: readonly string[], options: RunOptions = {}): Promise<Failure> {
  const { code: exit, stdout, stderr } = await weft([...args, '--json'], options)
  const { error } = (stdout === '' ? {} : JSON.parse(stdout)) as { error?: { code: ErrorCode; message: string; next?: string } }
  return { exit, code: error?.code, message: error?.message ?? '', next: error?.next, stderr }
}

/** What is wrong, how it is asked, and how that must end. */
export interface BadInput {
  readonly what: string
  readonly args: readonly string[]
  readonly code: ErrorCode
  readonly exit: number
  /** What the message must say. */
  readonly says?: RegExp
}

/** A command is a process of its own: most of its time is spent waiting. */
export async function fourAtATime<T>(rows: readonly T[], work: (row: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < rows.length; from += 4) await Promise.all(rows.slice(from, from + 4).map(work))
}

export function codeAndExit({ code, exit }: Pick<Failure, 'code' | 'exit'>): object {
  return { code, exit }
}

/** A fresh folder, taken away with every node that runs in it, up to three folders down. */
export function temporary(t: { teardown(work: () => Promise<void>): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'weft-cli-'))
  t.teardown(async () => {
    await Promise.all(nodesIn(dir, 3).map(stop))
    rmSync(dir, { recursive: true, force: true })
  })
  return dir
}

function nodesIn(dir: string, depth: number): readonly string[] {
  const below = depth === 0 ? [] : readdirSync(dir, { withFileTypes: true }).filter(row => row.isDirectory())
  return [...(existsSync(join(dir, 'control.json')) ? [dir] : []), ...below.flatMap(row => nodesIn(join(dir, row.name), depth - 1))]
}

/** A node of this test that hangs is ended by the process id that it wrote down itself; one that was killed before has none. */
async function stop(dir: string): Promise<void> {
  const control = readControlFile(dir)
  const { code, stdout } = await weft(['stop', '--dir', dir, '--json'])
  if (code === 0 || control === undefined || stdout.includes('"not_running"')) return
  process.kill(control.osPid, 'SIGKILL')
}

/** A node that runs in the background. */
export async function nodeAt(dir: string, flags: readonly string[] = []): Promise<void> {
  if (!existsSync(join(dir, 'cluster.weft'))) await ask(['init', '--dir', dir])
  await ask(['start', '-d', '--dir', dir, ...flags])
}

/** Resolves when `holds` does, looked at every 25 ms; rejects when that takes longer than a slow machine would. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

/** Documents, one on each line. */
export function lines<T>(stdout: string): readonly T[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as T)
}

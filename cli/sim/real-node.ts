import { type ChildProcess, spawn } from 'node:child_process'
import { cp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '../../base/assert.ts'
import { isErrorCode, WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { requestTo } from '../../node/connect.ts'
import type { Request } from '../../node/commands/types.ts'
import { CLUSTER_FILE, IDENTITY_FILE, NEXT_IDENTITY_FILE } from '../../node/identity.ts'
import { initNode } from '../../node/init-node.ts'
import { listenOnLoopback, portOf } from '../../sim/proxy/listen.ts'

/** What a node of a real stage needs of it. */
export interface RealNodeInit {
  readonly name: string
  /** Absolute; `<dir>.backup` is its too. */
  readonly dir: string
  /** The port where others are told to dial it. */
  readonly door: number
  readonly guard: 'one' | 'majority'
  /** It will listen on that port. */
  readonly onListen: (port: number) => void
  /** Its process ended, and nobody had asked it to. */
  readonly onLost: (error: WeftError) => void
}

const ENTRY = fileURLToPath(new URL('../weft.js', import.meta.url))
const DIALLER = new URL('../../sim/proxy/dialler.js', import.meta.url)
const CONTROL_FILE = 'control.json'
/** What makes it this node, of this cluster. */
const KEY_FILES: readonly string[] = [IDENTITY_FILE, NEXT_IDENTITY_FILE, CLUSTER_FILE]
/** 3: a port that was free a moment ago may be taken, but not time and again. */
const START_ATTEMPTS = 3
/** 30 s, for a process to be ready or to end: a second or two, unless the machine is overloaded. */
const PATIENCE_MS = 30_000
/** 4 KiB of what a process said last. */
const LAST_WORDS_BYTES = 4096

/**
 * One node of a real stage: a directory, and the process that runs in it now and then, started by `weft start`.
 * It listens on a port that is told to nobody and announces its door.
 */
export class RealNode {
  readonly name: string
  nodeId: NodeId | undefined
  /** How often it has been started. */
  life = 0
  readonly #init: RealNodeInit
  readonly #request: Request
  /** Every process of it that has not ended. */
  readonly #children: Set<ChildProcess> = new Set()
  /** The one that is ready. */
  #running: ChildProcess | undefined
  #isFrozen = false
  #isDead = false
  #hasBackup = false

  constructor(init: RealNodeInit) {
    this.name = init.name
    this.#init = init
    this.#request = requestTo(init.dir)
  }

  /** It can be asked. */
  get isUp(): boolean {
    return this.#running !== undefined
  }

  get request(): Request {
    return this.#request
  }

  async found(): Promise<void> {
    this.nodeId = (await initNode({ dir: this.#init.dir, cluster: 'stage' })).nodeId
  }

  async join(token: string): Promise<void> {
    const { nodeId } = await this.#first(this.#spawn(['join', token]))
    this.nodeId = nodeId as NodeId
  }

  /** Resolves when it is ready; at once for one that cannot start: it never joined, or is dead. */
  async start(): Promise<void> {
    if (this.isUp || this.#isDead || this.nodeId === undefined) return
    this.life++
    this.#isFrozen = false
    for (let attempt = 1; !this.isUp; attempt++) {
      const [port, http] = [await freePort(), await freePort()]
      this.#init.onListen(port)
      const child = this.#spawn([
        'start',
        `--name=${this.name}`,
        `--listen=${loopback(port)}`,
        `--announce=${loopback(this.#init.door)}`,
        `--http=127.0.0.1:${http}`,
        `--guard=${this.#init.guard}`,
        '--mdns=off',
        '--log-level=warn',
      ])
      try {
        await this.#first(child)
        this.#running = child
      } catch (thrown) {
        if (!(thrown instanceof WeftError && thrown.code === 'port_in_use') || attempt === START_ATTEMPTS) throw thrown
      }
    }
  }

  /** In good order, or without warning. Resolves when the process is gone. */
  async stop(how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#running
    this.#running = undefined
    if (child === undefined) return
    const gone = ended(child)
    if (how === 'SIGTERM') child.kill('SIGCONT')
    child.kill(how)
    await gone
  }

  /** Dead for ever. */
  async kill(): Promise<void> {
    this.#isDead = true
    await this.stop('SIGKILL')
  }

  /** It does nothing until it is thawed. */
  freeze(): void {
    this.#isFrozen = true
    this.#running?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#isFrozen = false
    this.#running?.kill('SIGCONT')
  }

  /** Ends every process of it now. */
  end(): void {
    this.#running = undefined
    for (const child of this.#children) child.kill('SIGKILL')
  }

  /** Resolves when all of them are gone. */
  async gone(): Promise<void> {
    await Promise.all([...this.#children].map(ended))
  }

  // ---- its directory

  /** What the disk holds at one moment: the process is stopped as long as the copy takes. */
  async backup(): Promise<void> {
    const { dir } = this.#init
    const wasFrozen = this.#isFrozen
    this.freeze()
    await rm(`${dir}.backup`, { recursive: true, force: true })
    await cp(dir, `${dir}.backup`, { recursive: true, filter: from => basename(from) !== CONTROL_FILE })
    if (!wasFrozen) this.thaw()
    this.#hasBackup = true
  }

  /** It dies for it, and stays down. Without a backup nothing happens. */
  async restoreBackup(): Promise<void> {
    const { dir } = this.#init
    if (!this.#hasBackup) return
    await this.stop('SIGKILL')
    await rm(dir, { recursive: true, force: true })
    await cp(`${dir}.backup`, dir, { recursive: true })
  }

  /** Everything but who it is, is lost. It dies for it, and stays down. */
  async reformat(): Promise<void> {
    const { dir } = this.#init
    await this.stop('SIGKILL')
    const lost = (await readdir(dir)).filter(file => !KEY_FILES.includes(file))
    await Promise.all(lost.map(file => rm(join(dir, file), { recursive: true })))
  }

  // ---- its processes

  #spawn(args: readonly string[]): ChildProcess {
    const dialler = new URL(`?${encodeURIComponent(this.name)}`, DIALLER).href
    const child = spawn(process.execPath, ['--import', dialler, ENTRY, ...args, '--dir', this.#init.dir, '--json'], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: an interrupt from the terminal is for whoever runs the stage.
      detached: true,
    })
    this.#children.add(child)
    let lastWords = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (lastWords = (lastWords + text).slice(-LAST_WORDS_BYTES)))
    child.once('exit', (code, signal) => {
      this.#children.delete(child)
      if (this.#running !== child) return
      this.#running = undefined
      this.#init.onLost(new WeftError('internal', `${this.name} ended by itself (${signal ?? code}): ${lastWords.trim()}`))
    })
    return child
  }

  /** The document that a command prints, which for a node means that it is ready. */
  #first(child: ChildProcess): Promise<Readonly<Record<string, unknown>>> {
    return new Promise((resolve, reject) => {
      const refuse = (what: string): void => {
        child.kill('SIGKILL')
        reject(new WeftError('timeout', `${this.name} ${what}`))
      }
      const late = setTimeout(() => refuse(`was not ready within ${PATIENCE_MS / 1000} s`), PATIENCE_MS)
      let text = ''
      child.stdout?.setEncoding('utf8').on('data', (more: string) => {
        if (text.includes('\n')) return
        text += more
        if (!text.includes('\n')) return
        clearTimeout(late)
        const document = JSON.parse(text.slice(0, text.indexOf('\n'))) as Readonly<Record<string, unknown>>
        const error = errorOf(document)
        if (error === undefined) resolve(document)
        else reject(error)
      })
      child.once('close', () => {
        clearTimeout(late)
        if (!text.includes('\n')) refuse('ended before it was ready')
      })
    })
  }
}

function errorOf(document: { readonly error?: unknown }): WeftError | undefined {
  const { code, message } = (document.error ?? {}) as { readonly code?: string; readonly message?: string }
  return code !== undefined && isErrorCode(code) ? new WeftError(code, message ?? code) : undefined
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise(resolve => {
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    child.once('exit', () => {
      clearTimeout(late)
      resolve()
    })
  })
}

/** Settings of whoever runs the stage are not those of its nodes. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_')))
}

function loopback(port: number): string {
  return `/ip4/127.0.0.1/tcp/${port}`
}

async function freePort(): Promise<number> {
  const server = createServer()
  await listenOnLoopback(server)
  const port = portOf(server)
  await new Promise(resolve => server.close(resolve))
  assert(port > 0, 'a server that listens has a port')
  return port
}

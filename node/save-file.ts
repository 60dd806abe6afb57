import type { Disk, DiskError } from '../base/ports.ts'

type Saved = (error: DiskError | undefined) => void

/** Replaces a small file, or leaves it as it was: written beside it, synced, renamed over it. One at a time of each file. */
export function saveFile(disk: Disk, file: string, bytes: Uint8Array, done: Saved): void {
  const beside = `${file}.new`
  disk.remove(beside, removed => {
    if (!removed.ok) return done(removed.error)
    disk.append(beside, bytes, written => {
      if (!written.ok) return done(written.error)
      disk.rename(beside, file, renamed => done(renamed.ok ? undefined : renamed.error))
    })
  })
}

/** The whole of a small file; undefined when there is none. */
export function loadFile(disk: Disk, file: string, done: (error: DiskError | undefined, bytes: Uint8Array | undefined) => void): void {
  disk.size(file, size => {
    if (!size.ok) return size.error.code === 'missing' ? done(undefined, undefined) : done(size.error, undefined)
    disk.read(file, 0, size.value, read => (read.ok ? done(undefined, read.value) : done(read.error, undefined)))
  })
}

/**
 * Saves files that change faster than the disk takes them: one save of a file at a time, and
 * of what comes meanwhile only the newest, which is not even made before its turn.
 */
export class FileSaver {
  readonly #disk: Disk
  /** Files being saved, and what is to follow. */
  readonly #saving: Map<string, { readonly content: () => Uint8Array; readonly waiting: Saved[] } | undefined> = new Map()
  #onIdle: (() => void) | undefined

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** @param done when `content`, or a newer one, is durable, or could not be saved */
  save(file: string, content: () => Uint8Array, done: Saved): void {
    if (!this.#saving.has(file)) return this.#start(file, content, [done])
    this.#saving.set(file, { content, waiting: [...(this.#saving.get(file)?.waiting ?? []), done] })
  }

  /** Calls `then` once nothing is being saved. */
  whenIdle(then: () => void): void {
    if (this.#saving.size === 0) then()
    else this.#onIdle = then
  }

  #start(file: string, content: () => Uint8Array, waiting: readonly Saved[]): void {
    this.#saving.set(file, undefined)
    saveFile(this.#disk, file, content(), error => {
      const next = this.#saving.get(file)
      if (next === undefined) this.#saving.delete(file)
      else this.#start(file, next.content, next.waiting)
      for (const done of waiting) done(error)
      if (this.#saving.size === 0) this.#onIdle?.()
    })
  }
}

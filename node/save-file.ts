import type { Disk, DiskError } from '../base/ports.ts'

/** Replaces a small file, or leaves it as it was: written beside it, synced, renamed over it. */
export function saveFile(disk: Disk, file: string, bytes: Uint8Array, done: (error: DiskError | undefined) => void): void {
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

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeftError } from '../../base/errors.ts'

/** What runs in a node directory, for whoever wants to reach it from this machine. */
export interface ControlFile {
  readonly url: string
  readonly token: string
  readonly osPid: number
}

const CONTROL_FILE = 'control.json'
const PORTS_FILE = 'ports.json'

/** Makes the directory, for this user alone. @returns its absolute path */
export function useDirectory(path: string): string {
  const dir = resolve(path)
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return dir
  } catch (thrown) {
    throw new WeftError('directory_unusable', `cannot use ${dir}: ${(thrown as Error).message}`, {
      cause: thrown,
      next: 'choose another --dir, or make it one you can write to',
    })
  }
}

/** A path as seen from everywhere. */
export function absolutePath(path: string): string {
  return resolve(path)
}

export function indexDirectory(dir: string): string {
  return join(dir, 'index')
}

/** Holds what the vector store can make again from the journal. */
export function vectorsDirectory(dir: string): string {
  return join(dir, 'vectors')
}

/** This process, to be reached at `url`. */
export function writeControlFile(dir: string, { url, token }: Omit<ControlFile, 'osPid'>): void {
  const control: ControlFile = { url, token, osPid: process.pid }
  rmSync(join(dir, CONTROL_FILE), { force: true })
  writeFileSync(join(dir, CONTROL_FILE), JSON.stringify(control), { mode: 0o600 })
}

export function removeControlFile(dir: string): void {
  rmSync(join(dir, CONTROL_FILE), { force: true })
}

/** Undefined when nothing runs there, as far as the directory tells. */
export function readControlFile(dir: string): ControlFile | undefined {
  const saved = readJson(join(dir, CONTROL_FILE)) as Partial<ControlFile> | undefined
  return typeof saved?.url === 'string' && typeof saved.token === 'string' && typeof saved.osPid === 'number'
    ? (saved as ControlFile)
    : undefined
}

/** Ports that were free once are kept: other nodes and scripts remember them. */
export interface KeptPorts {
  readonly tcp?: number
  readonly http?: number
  /** Where others could last reach it (`node/last-addresses.ts`). */
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
}

export function readPorts(dir: string): KeptPorts {
  const saved = readJson(join(dir, PORTS_FILE)) as KeptPorts | undefined
  return {
    ...(isPort(saved?.tcp) ? { tcp: saved?.tcp as number } : {}),
    ...(isPort(saved?.http) ? { http: saved?.http as number } : {}),
    ...(areTexts(saved?.listen) ? { listen: saved?.listen as readonly string[] } : {}),
    ...(areTexts(saved?.announce) ? { announce: saved?.announce as readonly string[] } : {}),
  }
}

export function writePorts(dir: string, ports: KeptPorts): void {
  writeFileSync(join(dir, PORTS_FILE), JSON.stringify(ports), { mode: 0o600 })
}

function isPort(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(one => typeof one === 'string')
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown
  } catch {
    return undefined
  }
}

/** The environment variables of this process. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env
}

/** This package's version, from its package.json. */
export function packageVersion(): string {
  const found = readJson(join(import.meta.dirname, '..', '..', '..', 'package.json')) as { version?: string } | undefined
  return found?.version ?? '0.0.0'
}

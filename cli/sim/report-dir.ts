import { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { WeftError } from '../../base/errors.ts'
import { REPORT_MAX_CHARACTERS } from '../../base/limits.ts'
import type { RunEvent } from '../../sim/report/event.ts'
import { renderHtml } from '../../sim/report/html.ts'
import type { Recorder } from '../../sim/report/recorder.ts'
import { formatEvents, formatReport, parseEvents, parseReport, type Report, reportOf } from '../../sim/report/report.ts'
import { renderShiviz } from '../../sim/report/shiviz.ts'
import { renderTimeline } from '../../sim/report/svg.ts'
import type { RunResult } from '../../sim/run.ts'

const REPORT_FILE = 'report.json'
const EVENTS_FILE = 'events.jsonl'
export const HTML_FILE = 'report.html'
/** For the help of what writes them. */
export const REPORT_FILES: string = `${HTML_FILE}, timeline.svg, ${REPORT_FILE}, ${EVENTS_FILE} and trace.shiviz.log`

/** Makes the directory, so that nobody waits for a run whose report has no place. @throws WeftError */
export function prepareReport(dir: string): void {
  try {
    makeDirectory(resolve(dir))
    if (!statSync(dir).isDirectory()) throw new WeftError('report_unwritable', `cannot write ${dir}: there is a file of that name`)
    accessSync(dir, constants.W_OK)
  } catch (thrown) {
    throw thrown instanceof WeftError ? thrown : unwritable(dir, thrown)
  }
}

/** What Node would do when asked for all of a path, but that it never comes back where a file system has no directories to make. */
function makeDirectory(dir: string): void {
  if (existsSync(dir)) return
  makeDirectory(dirname(dir))
  mkdirSync(dir)
}

/** Everything about a run, for people and for programs, in one directory. @throws WeftError */
export function writeReport(dir: string, result: RunResult, recorder: Recorder, replay: string): void {
  const recording = recorder.recording()
  const report = reportOf({ ...result, operations: result.history.operations, replay, nodeVersion: process.version, recording })
  const story = { report, events: recording.events }
  const write = (name: string, text: string): void => {
    const file = join(dir, name)
    try {
      writeFileSync(file, text)
    } catch (thrown) {
      throw unwritable(file, thrown)
    }
  }
  write(REPORT_FILE, formatReport(report))
  write(EVENTS_FILE, formatEvents(recording.events))
  write(HTML_FILE, renderHtml(story))
  write('timeline.svg', renderTimeline(story))
  write('trace.shiviz.log', renderShiviz(recording.events))
}

/** @throws WeftError when there is none, it is damaged, or of a later version */
export function readReport(dir: string): Report {
  return parseReport(readText(dir, REPORT_FILE))
}

export function readEvents(dir: string): readonly RunEvent[] {
  return parseEvents(readText(dir, EVENTS_FILE))
}

function readText(dir: string, name: string): string {
  const file = join(dir, name)
  if (!existsSync(file)) {
    throw new WeftError(
      'report_invalid',
      existsSync(dir) ? `there is no report in ${dir}: ${name} is not there` : `there is no directory ${dir}`,
      {
        next: `make a report with weft sim run SCENARIO --out DIR, or weft sim replay SEED --out DIR`,
      },
    )
  }
  try {
    const { size } = statSync(file)
    // No character has more bytes than four.
    if (size > 4 * REPORT_MAX_CHARACTERS) throw new WeftError('report_invalid', `${file} has ${size} bytes, which no report has`)
    return readFileSync(file, 'utf8')
  } catch (thrown) {
    if (thrown instanceof WeftError) throw thrown
    throw new WeftError('report_invalid', `cannot read ${file}: ${reason(thrown)}`, { cause: thrown })
  }
}

/** Why a file of a user cannot be written, and what to do. */
export function unwritable(path: string, thrown: unknown): WeftError {
  const isFull = ['ENOSPC', 'EDQUOT'].includes((thrown as NodeJS.ErrnoException).code ?? '')
  return new WeftError('report_unwritable', `cannot write ${path}: ${reason(thrown)}`, {
    cause: thrown,
    ...(isFull && { next: 'free some space, or write somewhere else with --out' }),
  })
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file of that name',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'it is a directory',
  ENOENT: 'there is no such place',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
}

function reason(thrown: unknown): string {
  const { code = '', message } = thrown as NodeJS.ErrnoException
  return REASONS[code] ?? message
}

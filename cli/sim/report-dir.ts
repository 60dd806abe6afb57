import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Recorder } from '../../sim/report/recorder.ts'
import { formatEvents, formatReport, reportOf } from '../../sim/report/report.ts'
import { renderHtml } from '../../sim/report/html.ts'
import { renderShiviz } from '../../sim/report/shiviz.ts'
import { renderTimeline } from '../../sim/report/svg.ts'
import type { RunResult } from '../../sim/run.ts'

export const REPORT_FILE = 'report.json'
export const HTML_FILE = 'report.html'
export const EVENTS_FILE = 'events.jsonl'

/** Everything about a run, for people and for programs, in one directory. */
export function writeReport(dir: string, result: RunResult, recorder: Recorder, replay: string): void {
  const recording = recorder.recording()
  const report = reportOf({ ...result, operations: result.history.operations, replay, nodeVersion: process.version, recording })
  const story = { report, events: recording.events }
  mkdirSync(dir, { recursive: true })
  const write = (file: string, text: string): void => writeFileSync(join(dir, file), text)
  write(REPORT_FILE, formatReport(report))
  write(EVENTS_FILE, formatEvents(recording.events))
  write(HTML_FILE, renderHtml(story))
  write('timeline.svg', renderTimeline(story))
  write('trace.shiviz.log', renderShiviz(recording.events))
}

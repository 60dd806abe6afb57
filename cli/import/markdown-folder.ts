import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { WeftError } from '../../base/errors.ts'
import { markdownPrefix, parseMarkdown } from '../../ecc/import/markdown.ts'
import type { Entry } from './import-items.ts'

/** Folders that hold no notes of one's own: what programs keep for themselves is hidden, or known by its name. */
function isSkipped(folder: string): boolean {
  return folder.startsWith('.') || folder === 'node_modules'
}

/**
 * The sections of every `.md` file below a folder, in the order of their names.
 *
 * @param prefix of their keys
 */
export function readMarkdown(folder: string, prefix: string = markdownPrefix(undefined)): readonly Entry[] {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const files: { path: string; text: string }[] = []
  const failed: { path: string; message: string }[] = []
  for (const path of notesIn(folder)) {
    try {
      files.push({ path, text: decoder.decode(readFileSync(join(folder, path))) })
    } catch (thrown) {
      failed.push({ path, message: `cannot read ${path}: ${thrown instanceof TypeError ? 'it is not UTF-8' : (thrown as Error).message}` })
    }
  }
  const sections = parseMarkdown(files, prefix)
  return [
    ...sections.map((item, i): Entry => ({ place: i + 1, key: item.key, item })),
    ...failed.map(
      ({ path, message }, i): Entry => ({ place: sections.length + i + 1, key: `${prefix}${path}`, code: 'text_invalid', message }),
    ),
  ]
}

/** Paths from `folder`, with `/`. */
function notesIn(folder: string, below: string = folder): readonly string[] {
  try {
    const rows = readdirSync(below, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
    return rows.flatMap(row => {
      const path = join(below, row.name)
      if (row.isDirectory()) return isSkipped(row.name) ? [] : notesIn(folder, path)
      return row.isFile() && /\.md$/i.test(row.name) ? [relative(folder, path).split(sep).join('/')] : []
    })
  } catch (thrown) {
    throw new WeftError('import_invalid', `cannot read ${below}: ${(thrown as Error).message}`, { cause: thrown })
  }
}
